/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The attributes that can be given to objects: one table, and the parsing of each. */
#include "settings.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>

#include "context.h"
#include "model/units.h"

#define ID_MAX (UINT32_MAX - 1) /* (uid_t)-1 means "leave it" to the kernel */

static int refuse(struct ipc_settings *settings, const char *text, const char *form)
{
	char shown[128];

	ipc_escape(text, strlen(text), shown, sizeof(shown));
	return ipc_ctx_fail(settings->ctx, -EINVAL, "'%s' is not of the form %s", shown, form);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static int parse_mode(struct ipc_settings *settings, const char *text)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (*text < '0' || *text > '7' || *end || mode > 07777)
		return refuse(settings, text, "0640");
	settings->mode = mode;
	return 0;
}

#define ENTRY_ROOM_MAX (1u << 20) /* a group may have thousands of members */

/* Look @name up in the users or groups: by the calls that may be used in several threads. */
static int find_id(const char *name, bool group, uint64_t *out)
{
	struct passwd passwd, *user = NULL;
	struct group entry, *found = NULL;
	char *room = NULL, *grown;
	size_t size = 1024;
	int error;

	do {
		size *= 2;
		grown = realloc(room, size);
		if (!grown) {
			free(room);
			return -ENOMEM;
		}
		room = grown;
		error = group ? getgrnam_r(name, &entry, room, size, &found)
			      : getpwnam_r(name, &passwd, room, size, &user);
	} while (error == ERANGE && size < ENTRY_ROOM_MAX);
	if (user || found)
		*out = group ? found->gr_gid : user->pw_uid;
	free(room);
	return user || found ? 0 : -ENOENT;
}

/* A number is taken for one also when somebody has it for a name. */
static int parse_id(struct ipc_settings *settings, const char *text, bool group, uint64_t *out)
{
	uint64_t id;
	int r;

	if (ipc_parse_uint(text, strlen(text), &id) == 0) {
		if (id > ID_MAX)
			return refuse(settings, text, "1000, a number below 4294967295");
		*out = id;
		return 0;
	}
	r = find_id(text, group, out);
	return r == -ENOENT ? ipc_ctx_fail(settings->ctx, -EINVAL, group ? "no such group" : "no such user") : r;
}

static int parse_owner(struct ipc_settings *settings, const char *text)
{
	return parse_id(settings, text, false, &settings->owner);
}

static int parse_group(struct ipc_settings *settings, const char *text)
{
	return parse_id(settings, text, true, &settings->group);
}

static int parse_bytes(struct ipc_settings *settings, const char *text, uint64_t *out)
{
	int r = ipc_parse_size(text, strlen(text), out);

	return r ? refuse(settings, text, "4096, 64K or 1M") : 0;
}

static int parse_count(struct ipc_settings *settings, const char *text, uint64_t *out)
{
	int r = ipc_parse_uint(text, strlen(text), out);

	return r ? refuse(settings, text, "10, a number") : 0;
}

static int parse_size(struct ipc_settings *settings, const char *text)
{
	return parse_bytes(settings, text, &settings->size);
}

static int parse_from(struct ipc_settings *settings, const char *text)
{
	settings->from = strdup(text);
	return settings->from ? 0 : -ENOMEM;
}

/* 0 is IPC_PRIVATE: no key at all. */
static int parse_key(struct ipc_settings *settings, const char *text)
{
	if (ipc_parse_hex(text, strlen(text), &settings->key) || settings->key > UINT32_MAX)
		return refuse(settings, text, "0x52e2c1");
	if (!settings->key)
		return ipc_ctx_fail(settings->ctx, -EINVAL, "0x0 is IPC_PRIVATE, no key; leave the key out for that");
	return 0;
}

static int parse_ftok(struct ipc_settings *settings, const char *text)
{
	const char *colon = strrchr(text, ':');
	uint64_t id = 0;
	char *path;
	key_t key;

	if (!colon || colon == text || ipc_parse_uint(colon + 1, strlen(colon + 1), &id) || !id || id > 255)
		return refuse(settings, text, "PATH:ID, with an id of 1 to 255");
	path = strndup(text, (size_t)(colon - text));
	if (!path)
		return -ENOMEM;
	key = ftok(path, (int)id);
	free(path);
	if (key == -1)
		return ipc_ctx_fail(settings->ctx, -EINVAL, "the file cannot be looked at: %s", strerror(errno));
	settings->key = (uint32_t)key;
	return 0;
}

static int parse_max_bytes(struct ipc_settings *settings, const char *text)
{
	return parse_bytes(settings, text, &settings->max_bytes);
}

static int parse_max_messages(struct ipc_settings *settings, const char *text)
{
	return parse_count(settings, text, &settings->max_messages);
}

static int parse_message_size(struct ipc_settings *settings, const char *text)
{
	return parse_bytes(settings, text, &settings->message_size);
}

static int parse_number(struct ipc_settings *settings, const char *text)
{
	return parse_count(settings, text, &settings->number);
}

/* Keep them ascending; an index given twice is a mistake. */
static int add_value(struct ipc_settings *settings, uint64_t index, uint64_t value)
{
	struct ipc_setting_value *grown;
	size_t at = settings->value_count;

	while (at > 0 && settings->values[at - 1].index >= index)
		at--;
	if (at < settings->value_count && settings->values[at].index == index)
		return ipc_ctx_fail(settings->ctx, -EINVAL, "semaphore %llu is given twice", (unsigned long long)index);
	grown = realloc(settings->values, (settings->value_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	settings->values = grown;
	memmove(&grown[at + 1], &grown[at], (settings->value_count - at) * sizeof(*grown));
	grown[at] = (struct ipc_setting_value){index, value};
	settings->value_count++;
	return 0;
}

static int parse_values(struct ipc_settings *settings, const char *text)
{
	const char *at = text;
	uint64_t index = 0, value;
	int r = 0;

	while (r == 0) {
		size_t len = strcspn(at, ",");

		r = ipc_parse_uint(at, len, &value) ? refuse(settings, text, "1 or 1,0,3")
						    : add_value(settings, index++, value);
		if (!at[len])
			break;
		at += len + 1;
	}
	if (r)
		settings->value_count = 0; /* of a list that is refused nothing stays */
	return r;
}

static int parse_huge(struct ipc_settings *settings, const char *text)
{
	if (strcmp(text, "default") == 0)
		return 0;
	if (ipc_parse_size(text, strlen(text), &settings->huge) || !settings->huge ||
	    (settings->huge & (settings->huge - 1)))
		return refuse(settings, text, "default, 2M or 1G");
	return 0;
}

static int parse_capacity(struct ipc_settings *settings, const char *text)
{
	return parse_bytes(settings, text, &settings->capacity);
}

static const char *const types[] = {
	[IPC_SOCKET_STREAM] = "stream",
	[IPC_SOCKET_DGRAM] = "dgram",
	[IPC_SOCKET_SEQPACKET] = "seqpacket",
};

const char *ipc_socket_type_name(enum ipc_socket_type type)
{
	return types[type];
}

static int parse_type(struct ipc_settings *settings, const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(text, types[i]) == 0) {
			settings->type = (enum ipc_socket_type)i;
			return 0;
		}
	}
	return refuse(settings, text, "stream, dgram or seqpacket");
}

static int parse_backlog(struct ipc_settings *settings, const char *text)
{
	return parse_count(settings, text, &settings->backlog);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* In the order of the bits. */
static const struct ipc_setting table[] = {
	{"mode", "MODE", "permissions in octal", "mode", IPC_SET_MODE, parse_mode},
	{"owner", "USER|UID", "user that it belongs to", "uid", IPC_SET_OWNER, parse_owner},
	{"group", "GROUP|GID", "group that it belongs to", "gid", IPC_SET_GROUP, parse_group},
	{"size", "SIZE", "bytes of memory", "size", IPC_SET_SIZE, parse_size},
	{"from", "FILE", "fill the memory from this file (- is standard input)", NULL, IPC_SET_FROM, parse_from},
	{"key", "0xKEY", "System V key; without one it is private", "key", IPC_SET_KEY, parse_key},
	{"ftok", "PATH:ID", "System V key as ftok(3) makes it", "key", IPC_SET_FTOK, parse_ftok},
	{"max-bytes", "SIZE", "bytes that may be queued (System V)", "max_bytes", IPC_SET_MAX_BYTES, parse_max_bytes},
	{"max-messages", "N", "messages that may be queued (POSIX)", "max_messages", IPC_SET_MAX_MESSAGES,
	 parse_max_messages},
	{"message-size", "SIZE", "bytes of the largest message (POSIX)", "message_size", IPC_SET_MESSAGE_SIZE,
	 parse_message_size},
	{"number", "N", "semaphores in the set (System V)", "semaphores", IPC_SET_NUMBER, parse_number},
	{"value", "N[,N]...", "value of each semaphore; one alone is for all", NULL, IPC_SET_VALUE, parse_values},
	{"huge", "SIZE|default", "use huge pages of this size (System V)", NULL, IPC_SET_HUGE, parse_huge},
	{"capacity", "SIZE", "bytes that the pipe may hold", "capacity", IPC_SET_CAPACITY, parse_capacity},
	{"type", "TYPE", "stream, dgram or seqpacket (sockets)", "type", IPC_SET_TYPE, parse_type},
	{"backlog", "N", "connections that may wait to be accepted", "backlog", IPC_SET_BACKLOG, parse_backlog},
};

#define COUNT (sizeof(table) / sizeof(table[0]))

const struct ipc_setting *ipc_setting_next(const struct ipc_setting *prev)
{
	size_t i = prev ? (size_t)(prev - table) + 1 : 0;

	return i < COUNT ? &table[i] : NULL;
}

const char *ipc_setting_name(const struct ipc_setting *setting)
{
	return setting->name;
}

const char *ipc_setting_help(const struct ipc_setting *setting)
{
	return setting->help;
}

const char *ipc_setting_form(const struct ipc_setting *setting)
{
	return setting->form;
}

const char *ipc_setting_field(const struct ipc_setting *setting)
{
	return setting->field;
}

const char *ipc_settings_names(unsigned bits, char *out, size_t size)
{
	size_t i, len = 0;

	if (size)
		*out = '\0';
	for (i = 0; i < COUNT && len < size; i++)
		if (bits & table[i].bit)
			len += (size_t)snprintf(out + len, size - len, "%s%s", len ? ", " : "", table[i].name);
	return out;
}

/* ---- a set of values --------------------------------------------------------------------------------------------- */

int ipc_settings_new(struct ipc_ctx *ctx, struct ipc_settings **out)
{
	struct ipc_settings *settings = calloc(1, sizeof(*settings));

	if (!settings)
		return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
	settings->ctx = ipc_ctx_ref(ctx);
	*out = settings;
	return 0;
}

struct ipc_settings *ipc_settings_free(struct ipc_settings *settings)
{
	if (settings) {
		ipc_ctx_unref(settings->ctx);
		free(settings->from);
		free(settings->values);
		free(settings);
	}
	return NULL;
}

static const struct ipc_setting *find(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

/* "value[3]": one of a set, and may be given again for another. True when @name is of that form. */
static bool is_indexed(const char *name, uint64_t *index)
{
	size_t len = strlen(name), prefix = strlen("value[");

	return len > prefix + 1 && strncmp(name, "value[", prefix) == 0 && name[len - 1] == ']' &&
	       ipc_parse_uint(name + prefix, len - prefix - 1, index) == 0;
}

static int put_indexed(struct ipc_settings *settings, uint64_t index, const char *text)
{
	uint64_t value;
	int r;

	if (ipc_parse_uint(text, strlen(text), &value))
		return refuse(settings, text, "10, a number");
	r = add_value(settings, index, value);
	if (r == 0) {
		settings->given |= IPC_SET_VALUE;
		settings->indexed = true;
	}
	return r;
}

int ipc_settings_put(struct ipc_settings *settings, const char *name, const char *text)
{
	const struct ipc_setting *setting = find(name);
	unsigned excludes = 0;
	uint64_t index;
	int r;

	if (is_indexed(name, &index) && !((settings->given & IPC_SET_VALUE) && !settings->indexed))
		r = put_indexed(settings, index, text);
	else if (!setting && !is_indexed(name, &index))
		return ipc_ctx_fail(settings->ctx, -ENOENT, "there is no such setting");
	else {
		if (!setting)
			setting = find("value");
		/* A key and the file that it is made from are one thing. */
		if (setting->bit & (IPC_SET_KEY | IPC_SET_FTOK))
			excludes = IPC_SET_KEY | IPC_SET_FTOK;
		if (settings->given & (setting->bit | excludes))
			return ipc_ctx_fail(settings->ctx, -EINVAL, "given twice");
		r = setting->parse(settings, text);
		if (r == 0)
			settings->given |= setting->bit;
	}
	return r == -ENOMEM ? ipc_ctx_fail(settings->ctx, r, "out of memory") : r;
}

bool ipc_settings_has(const struct ipc_settings *settings, const struct ipc_setting *setting)
{
	return settings->given & setting->bit;
}
