/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing an archive: a file and a stanza of the manifest for each object, both on disk before the next one. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "archive.h"
#include "archive_entry.h"
#include "filling.h"
#include "manifest.h"
#include "message.h"
#include "vault.h"

struct archive {
	struct app *app;
	char *path;
	bool made;         /* the directory is ours */
	int dir, manifest; /* -1: not opened yet */
	uint64_t length;   /* of the manifest */
	uint64_t bytes, objects;
	struct ending *ending;
	bool failed; /* the manifest tells of more than it should */
	/* Of the last object that archive_keep() kept, until it is settled. */
	bool unsettled, whole;
	uint64_t begin, size; /* of its stanza, and of its file */
	/* Of the last object. */
	char *file;
	struct text why;
	struct ipc_dump_result result;
};

static enum code fail(struct archive *archive, enum code code, const char *why)
{
	text_clear(&archive->why);
	text_string(&archive->why, why);
	return code;
}

static enum code fail_file(struct archive *archive, const char *file, int error, const char *what)
{
	text_clear(&archive->why);
	text_format(&archive->why, "%s/%s cannot be %s, so it was not kept: %s", archive->path, file, what,
		    strerror(error));
	return code_of_errno(error) == CODE_DENIED ? CODE_DENIED : CODE_FAILED;
}

/* Was anything left out because it was not asked for? */
static bool is_cut(const struct ipc_dump_how *how, const struct filling *filling)
{
	return how->offset || how->first || (how->length && filling->given >= how->length) ||
	       (how->count && filling->count >= how->count);
}

/* What is known after the dump. */
static void complete(struct manifest_entry *entry, const struct ipc_dump_how *how, struct filling *filling,
		     const struct ipc_dump_result *result)
{
	struct text unreached = {0};

	entry->bytes = filling->end;
	entry->count = filling->count;
	entry->torn = result->torn;
	entry->cut = is_cut(how, filling);
	if (result->source && *result->source)
		manifest_set(&entry->source, result->source);
	if (result->unreached && result->unreached != UINT64_MAX)
		text_uint(&unreached, result->unreached);
	else if (result->unreached || filling->partial)
		text_string(&unreached, "unknown");
	if (unreached.len)
		manifest_set(&entry->unreached, text_cstr(&unreached));
	if (filling->values.len && !filling->partial)
		manifest_add_setting(entry, "value", text_cstr(&filling->values));
	text_release(&unreached);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static int open_new(int dir, const char *name)
{
	return openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Names of several objects may come out the same. Returns the file, or -1. */
static int make_file(const struct archive *archive, struct manifest_entry *entry)
{
	struct text name = {0};
	uint64_t number = archive->objects;
	size_t len;
	int fd;

	archive_spell_file(&name, entry);
	len = name.len;
	while ((fd = open_new(archive->dir, text_cstr(&name))) < 0 && errno == EEXIST) {
		name.len = len;
		text_format(&name, "-%" PRIu64, ++number);
	}
	manifest_set(&entry->file, text_cstr(&name));
	text_release(&name);
	return fd;
}

/* ---- the manifest ------------------------------------------------------------------------------------------------ */

/* All of @text behind what is there and on disk, or nothing. */
static bool append(struct archive *archive, const struct text *text)
{
	int error;

	if (filling_write(archive->manifest, text->data, text->len, archive->length) &&
	    fdatasync(archive->manifest) == 0) {
		archive->length += text->len;
		return true;
	}
	error = errno;
	if (ftruncate(archive->manifest, (off_t)archive->length) < 0)
		error = errno;
	errno = error;
	return false;
}

/* Some file systems cannot do that for directories, and say so. */
static bool sync_directory(int dir)
{
	return fsync(dir) == 0 || errno == EINVAL || errno == EROFS;
}

static bool open_manifest(struct archive *archive)
{
	struct text text = {0};
	bool good;
	int error;

	archive->manifest = open_new(archive->dir, MANIFEST_NAME);
	if (archive->manifest < 0)
		return false;
	manifest_append_version(&text);
	good = append(archive, &text);
	error = errno;
	text_release(&text);
	if (good)
		return true;
	close(archive->manifest);
	archive->manifest = -1;
	unlinkat(archive->dir, MANIFEST_NAME, 0);
	errno = error;
	return false;
}

/* Before the first object is read: some are taken out of where they were. */
static enum code begin_manifest(struct archive *archive)
{
	if (archive->manifest >= 0 || open_manifest(archive))
		return CODE_DONE;
	return fail_file(archive, MANIFEST_NAME, errno, "written");
}

/* The file is on disk, and the directory knows it, before the manifest tells of it. */
static enum code tell(struct archive *archive, const struct manifest_entry *entry)
{
	struct text stanza = {0};
	enum code code = CODE_DONE;

	manifest_append(&stanza, entry);
	archive->begin = archive->length;
	if (!sync_directory(archive->dir) || !append(archive, &stanza))
		code = fail_file(archive, MANIFEST_NAME, errno, "written");
	text_release(&stanza);
	return code;
}

/* ---- the dump ---------------------------------------------------------------------------------------------------- */

static enum code fail_dump(struct archive *archive, int error)
{
	const char *why = ipc_ctx_error(archive->app->ctx);

	return fail(archive, code_of_errno(-error), *why ? why : strerror(-error));
}

static enum code fail_filling(struct archive *archive, const struct manifest_entry *entry, int error)
{
	if (error == EINTR)
		return fail(archive, CODE_FAILED, "interrupted; it was not kept");
	return fail_file(archive, entry->file, error, "written");
}

static enum code fail_missing(struct archive *archive, uint64_t message)
{
	text_clear(&archive->why);
	text_format(&archive->why, "there is no message %" PRIu64, message);
	return CODE_MISSING;
}

static enum code fill(struct archive *archive, const struct ipc_object *object, const struct ipc_dump_how *how,
		      struct manifest_entry *entry, struct filling *filling)
{
	int error = ipc_object_dump(archive->app->ctx, object, how, filling_take, filling, &archive->result);

	if (error < 0)
		return fail_dump(archive, error);
	if (filling->error || !filling_finish(filling))
		return fail_filling(archive, entry, filling->error);
	if (how->count && !filling->count && !archive->result.unreached)
		return fail_missing(archive, how->first);
	complete(entry, how, filling, &archive->result);
	return CODE_DONE;
}

/* Messages that were taken out are nowhere else. */
static void discard(struct archive *archive, const struct manifest_entry *entry, const struct filling *filling)
{
	if (filling->taken_out && filling->end)
		text_format(&archive->why, "; messages that were taken out of it are in %s/%s", archive->path,
			    entry->file);
	else
		unlinkat(archive->dir, entry->file, 0);
}

static enum code add_entry(struct archive *archive, const struct ipc_object *object, const struct ipc_dump_how *how,
			   struct manifest_entry *entry)
{
	const char *name = ipc_class_name(ipc_kind_class(ipc_object_kind(object)));
	struct filling filling = {.memory = !strcmp(name, "shm"),
				  .semaphores = !strcmp(name, "sem"),
				  .taken_out = how->flags & IPC_DUMP_DRAIN,
				  .ending = archive->ending};
	enum code code;

	filling.fd = make_file(archive, entry);
	if (filling.fd < 0)
		return fail_file(archive, entry->file, errno, "made");
	code = fill(archive, object, how, entry, &filling);
	if (close(filling.fd) < 0 && !code)
		code = fail_filling(archive, entry, errno);
	if (!code)
		code = tell(archive, entry);
	if (code)
		discard(archive, entry, &filling);
	filling_release(&filling);
	return code;
}

enum code archive_add(struct archive *archive, const struct ipc_object *object, const struct ipc_dump_how *how)
{
	struct manifest_entry entry;
	enum code code;

	archive->result = (struct ipc_dump_result){.source = ""};
	archive_describe(&entry, object);
	code = begin_manifest(archive);
	if (!code)
		code = add_entry(archive, object, how, &entry);
	if (!code) {
		archive->objects++;
		archive->bytes += entry.bytes;
		archive->size = entry.bytes;
		archive->whole = entry.create && !entry.torn && !entry.cut && !entry.unreached;
		manifest_set(&archive->file, entry.file);
	}
	manifest_entry_release(&entry);
	return code;
}

/* ---- what is about to go ----------------------------------------------------------------------------------------- */

#define LEFT_FREE ((uint64_t)64 << 10) /* for the manifest */

static uint64_t number(const struct ipc_object *object, const char *field)
{
	struct ipc_value value;

	return ipc_object_get_by_name(object, field, &value) || value.null ? 0 : value.u;
}

/* Rather than fill the disk up with a part of it, and leave a mark on a segment for that. */
static enum code check_room(struct archive *archive, const struct ipc_object *object)
{
	uint64_t needed = number(object, "resident") + number(object, "swapped");
	struct statvfs vfs;

	if (fstatvfs(archive->dir, &vfs) < 0 || !vfs.f_blocks) /* some do not tell */
		return CODE_DONE;
	if (needed + LEFT_FREE <= (geteuid() ? vfs.f_bavail : vfs.f_bfree) * (uint64_t)vfs.f_frsize)
		return CODE_DONE;
	text_clear(&archive->why);
	text_format(&archive->why, "%s has no room for it: %s", archive->path, strerror(ENOSPC));
	return CODE_FAILED;
}

/* Take back the last object. Its file goes last: a manifest must not tell of what is not there. */
static void forget(struct archive *archive)
{
	bool cut = ftruncate(archive->manifest, (off_t)archive->begin) == 0;

	archive->unsettled = false;
	if (cut && fdatasync(archive->manifest) == 0) {
		unlinkat(archive->dir, archive->file, 0);
	} else {
		complain(archive->app, archive->path,
			 "the manifest cannot be cut, so %s of an object that was not removed stays: %s", archive->file,
			 strerror(errno));
		archive->failed = true;
	}
	if (!cut)
		return;
	archive->length = archive->begin;
	archive->objects--;
	archive->bytes -= archive->size;
}

enum code archive_keep(struct archive *archive, const struct ipc_object *object)
{
	struct ipc_dump_how how = {.flags = ipc_kind_dump_takes(ipc_object_kind(object)) & IPC_DUMP_ATTACH};
	enum code code;

	archive->unsettled = false;
	if (archive_refuses(ipc_object_kind(object)))
		return CODE_DONE;
	if (how.flags)
		how.flags |= IPC_DUMP_UNUSED;
	code = check_room(archive, object);
	if (!code)
		code = archive_add(archive, object, &how);
	if (code == CODE_REFUSED && !how.flags)
		code = CODE_FAILED; /* what reads it would leave a mark that is not to be left */
	archive->unsettled = !code;
	if (code || archive->whole)
		return code;
	forget(archive);
	return fail(archive, CODE_FAILED,
		    archive->result.torn ? "it changed while it was read" : "not all of it could be read");
}

const char *archive_kept(const struct archive *archive)
{
	return archive && archive->unsettled ? archive->file : NULL;
}

void archive_settle(struct archive *archive, bool gone)
{
	if (!archive || !archive->unsettled)
		return;
	archive->unsettled = false;
	if (!gone)
		forget(archive);
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

struct archive *archive_create(struct app *app, const char *path, struct ending *ending, enum code *code)
{
	struct archive *archive;
	struct stat st;
	bool made;
	int dir = vault_open(app, path, &made, code);

	if (dir < 0)
		return NULL;
	if (fstatat(dir, MANIFEST_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		complain(app, path, "has a manifest already: an archive is written once, choose another directory");
		*code = CODE_REFUSED;
		close(dir);
		return NULL;
	}
	signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is an error like a full disk */
	archive = xcalloc(1, sizeof(*archive));
	*archive = (struct archive){
		.app = app, .path = xstrdup(path), .made = made, .dir = dir, .manifest = -1, .ending = ending};
	return archive;
}

const char *archive_why(struct archive *archive)
{
	return text_cstr(&archive->why);
}

const struct ipc_dump_result *archive_result(const struct archive *archive)
{
	return &archive->result;
}

const char *archive_file(const struct archive *archive)
{
	return archive->file;
}

uint64_t archive_bytes(const struct archive *archive)
{
	return archive->bytes;
}

uint64_t archive_objects(const struct archive *archive)
{
	return archive->objects;
}

enum code archive_close(struct archive *archive)
{
	enum code code;

	if (!archive)
		return CODE_DONE;
	code = archive->failed ? CODE_FAILED : CODE_DONE;
	if (!archive->objects && archive->manifest >= 0)
		unlinkat(archive->dir, MANIFEST_NAME, 0);
	if (archive->manifest >= 0 && close(archive->manifest) < 0) {
		complain(archive->app, archive->path, "its manifest cannot be written: %s", strerror(errno));
		code = CODE_FAILED;
	}
	close(archive->dir);
	if (!archive->objects && archive->made)
		vault_forget(archive->path);
	free(archive->path);
	free(archive->file);
	text_release(&archive->why);
	free(archive);
	return code;
}
