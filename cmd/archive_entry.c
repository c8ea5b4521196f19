/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the manifest of an archive tells of an object: how it can be made again, and where it is kept. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "archive.h"
#include "archive_entry.h"
#include "format.h"
#include "settings.h"

#define NAME_LONGEST 200 /* of a file, before a number that makes it unique */

const char *archive_refuses(const struct ipc_kind *kind)
{
	const char *why = NULL;

	if (!strcmp(ipc_class_name(ipc_kind_class(kind)), "sock"))
		return "a socket lives in the processes that have it; its program makes it again";
	ipc_kind_has(kind, IPC_VERB_CREATE, &why);
	return why;
}

/* ---- its attributes ---------------------------------------------------------------------------------------------- */

/* Keys are part of the reference, and no other setting than those that have a field can be read from an object. */
static const char *field_to_keep(const struct ipc_setting *setting)
{
	const char *field = ipc_setting_field(setting);

	return field && strcmp(field, "key") != 0 ? field : NULL;
}

void archive_want(struct ipc_query *query)
{
	const struct ipc_setting *setting = NULL;

	ipc_query_want(query, "ref");
	ipc_query_want(query, "handle");
	ipc_query_want(query, "key");
	while ((setting = ipc_setting_next(setting)))
		if (field_to_keep(setting) && settings_used(setting, IPC_VERB_CREATE))
			ipc_query_want(query, field_to_keep(setting));
}

/* False when it is not known. */
static bool get(const struct ipc_object *object, const char *field, struct ipc_value *out)
{
	return !ipc_object_get_by_name(object, field, out) && !out->null;
}

static void keep_text(char **at, const struct ipc_object *object, const char *field)
{
	struct text escaped = {0};
	struct ipc_value value;

	if (!get(object, field, &value))
		return;
	text_escaped(&escaped, value.str);
	manifest_set(at, text_cstr(&escaped));
	text_release(&escaped);
}

static void keep_settings(struct manifest_entry *entry, const struct ipc_object *object)
{
	static const struct style style = {.machine = true, .bytes = true};
	const struct ipc_setting *setting = NULL;
	struct text shown = {0};
	struct ipc_value value;

	while ((setting = ipc_setting_next(setting))) {
		const char *field = field_to_keep(setting);

		if (!field || !ipc_kind_takes(ipc_object_kind(object), IPC_VERB_CREATE, setting) ||
		    !get(object, field, &value))
			continue;
		text_clear(&shown);
		format_value(&shown, &value, &style);
		manifest_add_setting(entry, ipc_setting_name(setting), text_cstr(&shown));
	}
	text_release(&shown);
}

/* What `create` is to be given: a name, a key, or the kind alone. The reference may have a namespace, which is left out. */
static void keep_creation(struct manifest_entry *entry, const struct ipc_object *object)
{
	const struct ipc_kind *kind = ipc_object_kind(object);
	const char *locator = entry->object ? strchr(entry->object, ':') : NULL, *why = archive_refuses(kind);
	struct text create = {0};
	struct ipc_value value;

	text_string(&create, ipc_class_name(ipc_kind_class(kind)));
	if (why)
		manifest_set(&entry->cannot, why);
	else if (locator && locator[1] == '/')
		text_string(&create, locator);
	else if (!get(object, "key", &value))
		manifest_set(&entry->cannot, "no name led to it any more, only those who had it open");
	else if (value.u)
		text_format(&create, ":0x%08" PRIx64, value.u);
	else
		text_format(&create, "/%s", ipc_kind_name(kind));
	if (!entry->cannot)
		manifest_set(&entry->create, text_cstr(&create));
	text_release(&create);
}

static void keep_kind(struct manifest_entry *entry, const struct ipc_kind *kind)
{
	struct text name = {0};

	text_format(&name, "%s/%s", ipc_class_name(ipc_kind_class(kind)), ipc_kind_name(kind));
	manifest_set(&entry->kind, text_cstr(&name));
	text_release(&name);
}

static void keep_time(struct manifest_entry *entry)
{
	struct timespec now;
	struct text shown = {0};

	clock_gettime(CLOCK_REALTIME, &now);
	format_utc(&shown, now.tv_sec * INT64_C(1000000000));
	manifest_set(&entry->dumped, text_cstr(&shown));
	text_release(&shown);
}

void archive_describe(struct manifest_entry *entry, const struct ipc_object *object)
{
	*entry = (struct manifest_entry){0};
	keep_text(&entry->object, object, "ref");
	keep_text(&entry->handle, object, "handle");
	if (!entry->object)
		manifest_set(&entry->object, "?");
	keep_kind(entry, ipc_object_kind(object));
	keep_creation(entry, object);
	keep_settings(entry, object);
	keep_time(entry);
}

/* ---- its file ---------------------------------------------------------------------------------------------------- */

void archive_spell_file(struct text *out, const struct manifest_entry *entry)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *at = strchr(entry->object, ':');

	text_string(out, entry->kind);
	*(char *)memchr(out->data, '/', out->len) = '-';
	text_char(out, '-');
	at = at ? at + 1 : entry->object;
	at += *at == '/';
	for (; *at && out->len < NAME_LONGEST; at++) {
		if (at[0] == '\\' && at[1] == 'x') { /* \xHH */
			text_format(out, "%%%.2s", at + 2);
			at += 3;
		} else if (strchr(plain, *at)) {
			text_char(out, *at);
		} else {
			text_format(out, "%%%02x", (unsigned char)*at);
		}
	}
}
