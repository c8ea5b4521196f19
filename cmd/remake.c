/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making one object again. Everything that the manifest says is checked first: it may be damaged, or come from elsewhere.
 * What ipc_create() makes it makes completely or not at all; a queue, whose messages are sent afterwards, is closed to all
 * others until it has them, and is taken away again when one cannot be sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive.h"
#include "remake.h"
#include "remake_queue.h"
#include "settings.h"
#include "vault.h"

int remake_fail(struct remade *remade, int error, const char *text)
{
	text_clear(&remade->why);
	text_string(&remade->why, text);
	return error;
}

int remake_fail_library(struct remade *remade, int error)
{
	const char *why = ipc_ctx_error(remade->app->ctx);

	return remake_fail(remade, error, *why ? why : strerror(-error));
}

void remade_release(struct remade *remade)
{
	text_release(&remade->reference);
	text_release(&remade->why);
	text_release(&remade->note);
}

/* ---- what the manifest asks for ---------------------------------------------------------------------------------- */

static const struct ipc_kind *find_kind(const char *name)
{
	const struct ipc_kind *kind = NULL;
	struct text known = {0};

	while ((kind = ipc_kind_next(kind))) {
		text_clear(&known);
		text_format(&known, "%s/%s", ipc_class_name(ipc_kind_class(kind)), ipc_kind_name(kind));
		if (!strcmp(text_cstr(&known), name))
			break;
	}
	text_release(&known);
	return kind;
}

/* Is @create the kind alone, or a name or key of it? Nothing else shall be made in its stead. */
static bool is_of_kind(const struct ipc_kind *kind, const char *kind_name, const char *create)
{
	const char *name = ipc_class_name(ipc_kind_class(kind));
	size_t len = strlen(name);
	bool keyed = ipc_kind_takes(kind, IPC_VERB_CREATE, settings_find("key"));

	if (!strcmp(create, kind_name))
		return keyed;
	if (strncmp(create, name, len) != 0 || create[len] != ':')
		return false;
	return keyed ? !strncmp(create + len, ":0x", 3) : create[len + 1] == '/';
}

/* Users are kept as numbers: names may mean somebody else here. */
static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

int remake_put(struct remade *remade, struct ipc_settings *settings, const char *name, const char *value)
{
	int error = ipc_settings_put(settings, name, value);
	const char *why = ipc_ctx_error(remade->app->ctx);

	if (!error)
		return 0;
	text_clear(&remade->why);
	text_format(&remade->why, "the manifest's %s: %s", name, *why ? why : strerror(-error));
	return error;
}

static int check_setting(struct remade *remade, const struct ipc_kind *kind, const struct manifest_setting *given)
{
	const struct ipc_setting *setting = settings_find(given->name);
	bool user = !strcmp(given->name, "owner") || !strcmp(given->name, "group");
	bool foreign = !strcmp(given->name, "from") || !strcmp(given->name, "key") || !strcmp(given->name, "ftok");

	if (setting && !foreign && ipc_kind_takes(kind, IPC_VERB_CREATE, setting) && (!user || is_number(given->value)))
		return 0;
	text_format(&remade->why, "the manifest's %s has no place there", given->name);
	return -EINVAL;
}

static int check(struct remade *remade, const struct ipc_kind **out)
{
	const struct manifest_entry *entry = remade->entry;
	const struct ipc_kind *kind = find_kind(entry->kind);
	const char *refusal = kind ? archive_refuses(kind) : NULL;
	size_t i;
	int error = 0;

	remade->left_out = !entry->create || refusal;
	if (remade->left_out)
		return remake_fail(remade, -ENOTSUP, refusal ? refusal : entry->cannot);
	if (!kind)
		return remake_fail(remade, -EINVAL, "the manifest's kind is none that is known");
	if (!is_of_kind(kind, entry->kind, entry->create))
		return remake_fail(remade, -EINVAL, "the manifest's name is none of this kind");
	for (i = 0; i < entry->setting_count && !error; i++)
		error = check_setting(remade, kind, &entry->settings[i]);
	*out = kind;
	return error;
}

/* The file that it contained: its descriptor, or -errno with text. */
static int open_contents(struct remade *remade)
{
	const struct manifest_entry *entry = remade->entry;
	struct stat st;
	int fd;

	if (strpbrk(entry->file, "/\\") || !strcmp(entry->file, "..") || !strcmp(entry->file, "."))
		return remake_fail(remade, -EINVAL, "the manifest's file is no name of a file beside it");
	fd = vault_open_file(remade->vault, entry->file, &st, &remade->why);
	if (fd < 0 || (uint64_t)st.st_size == entry->bytes)
		return fd;
	text_format(&remade->why, "its file %s has %" PRIu64 " bytes, not %" PRIu64 ": it is not what was dumped",
		    entry->file, (uint64_t)st.st_size, entry->bytes);
	close(fd);
	return -EIO;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

int remake_create(struct remade *remade, const struct ipc_settings *settings)
{
	struct ipc_made *made = NULL;
	/* Root makes again what anybody had, wherever that was: since then he may have put a link on the way. */
	unsigned flags = IPC_CREATE_OWN_LINKS | (remade->parents ? IPC_CREATE_PARENTS : 0);
	int error = ipc_create(remade->app->ctx, remade->entry->create, false, settings, flags, &made);

	if (error)
		return remake_fail_library(remade, error);
	text_string(&remade->reference, ipc_made_reference(made));
	ipc_made_free(made);
	return 0;
}

static int put_all(struct remade *remade, struct ipc_settings *settings)
{
	const struct manifest_entry *entry = remade->entry;
	size_t i;
	int error = 0;

	for (i = 0; i < entry->setting_count && !error; i++)
		error = remake_put(remade, settings, entry->settings[i].name, entry->settings[i].value);
	/* Where it is not known who was let in, nobody is. */
	if (!error && !manifest_setting(entry, "mode"))
		error = remake_put(remade, settings, "mode", "0600");
	return error;
}

/* The library opens the file by this path once more: the same one, whatever its name means by now. */
static int put_contents(struct remade *remade, struct ipc_settings *settings, int fd)
{
	struct text path = {0};
	int error;

	text_format(&path, "/proc/self/fd/%d", fd);
	error = remake_put(remade, settings, "from", text_cstr(&path));
	text_release(&path);
	return error;
}

static int make_memory(struct remade *remade, struct ipc_settings *settings)
{
	int fd = open_contents(remade), error = fd < 0 ? fd : 0;

	if (!error && !manifest_setting(remade->entry, "size"))
		error = remake_fail(remade, -EINVAL, "the manifest has no size of it");
	if (!error && remade->entry->bytes)
		error = put_contents(remade, settings, fd);
	if (!error)
		error = remake_create(remade, settings);
	if (fd >= 0)
		close(fd);
	return error;
}

static int make_whole(struct remade *remade, const struct ipc_kind *kind)
{
	const char *name = ipc_class_name(ipc_kind_class(kind));
	struct ipc_settings *settings = NULL;
	int error = ipc_settings_new(remade->app->ctx, &settings);

	if (error)
		return remake_fail_library(remade, error);
	error = put_all(remade, settings);
	if (!error && !strcmp(name, "sem") && !manifest_setting(remade->entry, "value"))
		error = remake_fail(remade, -EINVAL, "its values were not read when it was dumped");
	if (!error)
		error = strcmp(name, "shm") != 0 ? remake_create(remade, settings) : make_memory(remade, settings);
	ipc_settings_free(settings);
	return error;
}

/* ---- what is not as it was --------------------------------------------------------------------------------------- */

static void add_note(struct remade *remade, const char *text)
{
	if (remade->note.len)
		text_string(&remade->note, "; ");
	text_string(&remade->note, text);
}

static void compare(struct remade *remade, const struct ipc_kind *kind)
{
	const struct manifest_entry *entry = remade->entry;

	if (!strcmp(ipc_class_name(ipc_kind_class(kind)), "fifo") && entry->bytes)
		add_note(remade, "what was in its buffer is not put back: a FIFO that nobody has open holds nothing");
	if (entry->cut)
		add_note(remade, "only a part of it was dumped");
	if (entry->unreached)
		add_note(remade, "not all that it contained could be read when it was dumped");
	if (entry->torn)
		add_note(remade, "it changed while it was dumped, so it may never have been like this");
}

int remake(struct remade *remade)
{
	const struct ipc_kind *kind = NULL;
	int fd, error = check(remade, &kind);

	if (error)
		return error;
	if (!strcmp(ipc_class_name(ipc_kind_class(kind)), "mq")) {
		fd = open_contents(remade);
		error = fd < 0 ? fd : remake_queue(remade, fd);
	} else {
		error = make_whole(remade, kind);
	}
	if (!error)
		compare(remade, kind);
	return error;
}
