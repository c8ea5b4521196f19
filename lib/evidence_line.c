/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of the file of what was learnt while watching: one table of their words, by which they are written and read. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "evidence.h"
#include "model/record.h"
#include "model/units.h"

#define VERSION "1"

/* ---- lines --------------------------------------------------------------------------------------------------------- */

enum form { NUMBER, KEY, DEVICE, TIME, REST };

#define OF_SET (1u << IPC_SPACE_SEM)
#define OF_FILE (1u << IPC_SPACE_FILE)

/* The words behind role and kind, in this order. */
static const struct word {
	const char *name;
	enum form form;
	unsigned spaces;
	bool may_lack; /* "-": it is not known */
	size_t offset; /* in struct ipc_learnt */
	uint64_t max;
} words[] = {
	{"namespace", NUMBER, OF_SET | OF_FILE, false, offsetof(struct ipc_learnt, ns), UINT32_MAX},
	{"id", NUMBER, OF_SET, false, offsetof(struct ipc_learnt, key.inode), INT32_MAX},
	{"key", KEY, OF_SET, false, offsetof(struct ipc_learnt, sysv_key), UINT32_MAX},
	{"changed", TIME, OF_SET, false, offsetof(struct ipc_learnt, changed), 0},
	{"device", DEVICE, OF_FILE, false, offsetof(struct ipc_learnt, key.device), 0},
	{"inode", NUMBER, OF_FILE, false, offsetof(struct ipc_learnt, key.inode), UINT64_MAX - 1},
	{"birth", TIME, OF_FILE, true, offsetof(struct ipc_learnt, birth), 0},
	{"time", TIME, OF_SET | OF_FILE, false, offsetof(struct ipc_learnt, time), 0},
	{"pid", NUMBER, OF_SET | OF_FILE, false, offsetof(struct ipc_learnt, pid), INT32_MAX},
	{"start", NUMBER, OF_SET | OF_FILE, true, offsetof(struct ipc_learnt, ticks), UINT64_MAX - 1},
	{"uid", NUMBER, OF_SET | OF_FILE, false, offsetof(struct ipc_learnt, uid), UINT32_MAX},
	{"comm", REST, OF_SET | OF_FILE, false, offsetof(struct ipc_learnt, comm), 0},
};
#define WORDS (sizeof(words) / sizeof(words[0]))

static const char *const roles[] = {[IPC_LEARNT_CREATED] = "created", [IPC_LEARNT_TAKEN] = "taken"};

static const struct {
	const char *name;
	enum ipc_space space;
} kinds[] = {{"sem/sysv", IPC_SPACE_SEM}, {"sem/posix", IPC_SPACE_FILE}};

static bool is_of(const struct word *word, const struct ipc_learnt *learnt)
{
	return word->spaces & 1u << learnt->key.space;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

int ipc_learnt_print_time(struct ipc_buf *out, int64_t time)
{
	time_t seconds = (time_t)(time / 1000000000 - (time % 1000000000 < 0));
	char text[32];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return ipc_buf_append(out, "1970-01-01T00:00:00Z", 20);
	return ipc_buf_format(out, "%s.%09" PRId64 "Z", text, time - (int64_t)seconds * 1000000000);
}

static int print_value(struct ipc_buf *out, const struct word *word, const void *at)
{
	const uint64_t *number = at;
	const int64_t *time = at;

	if (word->may_lack && (word->form == TIME ? *time == IPC_UNKNOWN_INT : *number == IPC_UNKNOWN))
		return ipc_buf_append(out, "-", 1);
	switch (word->form) {
	case NUMBER:
		return ipc_buf_format(out, "%" PRIu64, *number);
	case KEY:
		return ipc_buf_format(out, "0x%08" PRIx64, *number);
	case DEVICE:
		return ipc_buf_format(out, "%u:%u", major(*number), minor(*number));
	case TIME:
		return ipc_learnt_print_time(out, *time);
	case REST:
		return ipc_buf_escape(out, ipc_bytes_of(at));
	}
	return 0;
}

int ipc_learnt_print_head(struct ipc_buf *out, const struct ipc_learnt_origin *origin)
{
	return ipc_buf_format(out, "ipctool-evidence=%s\nboot=%s\npid_namespace=%" PRIu64 "\n", VERSION, origin->boot,
			      origin->pid_ns);
}

int ipc_learnt_print(struct ipc_buf *out, const struct ipc_learnt *learnt)
{
	const char *kind = kinds[learnt->key.space == IPC_SPACE_FILE].name;
	size_t i;
	int r = ipc_buf_format(out, "%s %s", roles[learnt->role], kind);

	for (i = 0; r == 0 && i < WORDS; i++) {
		if (!is_of(&words[i], learnt))
			continue;
		r = ipc_buf_format(out, " %s=", words[i].name);
		if (r == 0)
			r = print_value(out, &words[i], (const char *)learnt + words[i].offset);
	}
	return r ? r : ipc_buf_append(out, "\n", 1);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* What is left of the line at hand. */
struct line {
	struct ipc_ctx *ctx;
	const char *at, *end;
	unsigned number;
};

static int refuse(const struct line *line, const char *what)
{
	return ipc_ctx_fail(line->ctx, -EINVAL, "line %u: %s", line->number, what);
}

/* "NAME=" is next. */
static bool take(struct line *line, const char *name)
{
	size_t len = strlen(name);

	if ((size_t)(line->end - line->at) <= len || memcmp(line->at, name, len) != 0 || line->at[len] != '=')
		return false;
	line->at += len + 1;
	return true;
}

/* Up to the next blank, which is passed over. */
static struct ipc_bytes take_word(struct line *line)
{
	const char *blank = memchr(line->at, ' ', (size_t)(line->end - line->at));
	struct ipc_bytes word = {line->at, (size_t)((blank ? blank : line->end) - line->at)};

	line->at = blank ? blank + 1 : line->end;
	return word;
}

static int parse_device(struct ipc_bytes text, uint64_t *out)
{
	const char *colon = memchr(text.data, ':', text.len);
	uint64_t high, low;

	if (!colon || ipc_parse_uint(text.data, (size_t)(colon - text.data), &high) ||
	    ipc_parse_uint(colon + 1, text.len - (size_t)(colon + 1 - text.data), &low) || high > UINT32_MAX ||
	    low > UINT32_MAX)
		return -EINVAL;
	*out = makedev((unsigned)high, (unsigned)low);
	return 0;
}

static int parse_comm(struct ipc_bytes text, char *out)
{
	struct ipc_buf comm = {0};
	size_t bad;
	int r = ipc_unescape(text.data, text.len, &comm, &bad);

	if (r == 0 && (comm.len > IPC_LEARNT_COMM || (comm.len && memchr(comm.data, '\0', comm.len))))
		r = -EINVAL;
	if (r == 0 && comm.len)
		memcpy(out, comm.data, comm.len + 1);
	ipc_buf_release(&comm);
	return r;
}

static int parse_value(const struct word *word, struct ipc_bytes text, void *at)
{
	uint64_t number;
	int r;

	if (word->may_lack && text.len == 1 && *text.data == '-') {
		if (word->form == TIME)
			*(int64_t *)at = IPC_UNKNOWN_INT;
		else
			*(uint64_t *)at = IPC_UNKNOWN;
		return 0;
	}
	switch (word->form) {
	case DEVICE:
		return parse_device(text, at);
	case TIME:
		return ipc_parse_time(text.data, text.len, at);
	case REST:
		return parse_comm(text, at);
	default:
		r = word->form == KEY ? ipc_parse_hex(text.data, text.len, &number)
				      : ipc_parse_uint(text.data, text.len, &number);
		if (r || number > word->max)
			return -EINVAL;
		memcpy(at, &number, sizeof(number));
		return 0;
	}
}

static int parse_words(struct line *line, struct ipc_learnt *learnt)
{
	char what[64];
	size_t i;
	int r;

	for (i = 0; i < WORDS; i++) {
		const struct word *word = &words[i];
		struct ipc_bytes text;

		if (!is_of(word, learnt))
			continue;
		if (!take(line, word->name)) {
			snprintf(what, sizeof(what), "no '%s=' where it belongs", word->name);
			return refuse(line, what);
		}
		text = word->form == REST ? (struct ipc_bytes){line->at, (size_t)(line->end - line->at)}
					  : take_word(line);
		r = parse_value(word, text, (char *)learnt + word->offset);
		if (r == -ENOMEM)
			return ipc_ctx_fail(line->ctx, r, "out of memory");
		if (r) {
			snprintf(what, sizeof(what), "what '%s=' has is not possible", word->name);
			return refuse(line, what);
		}
	}
	return 0;
}

static int parse_line(struct line *line, struct ipc_learnt_list *list)
{
	struct ipc_learnt learnt = {.birth = IPC_UNKNOWN_INT};
	struct ipc_bytes role = take_word(line), kind = take_word(line);
	size_t i, j;
	int r;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (ipc_bytes_equal(role, ipc_bytes_of(roles[i])))
			break;
	for (j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++)
		if (ipc_bytes_equal(kind, ipc_bytes_of(kinds[j].name)))
			break;
	if (i == sizeof(roles) / sizeof(roles[0]) || j == sizeof(kinds) / sizeof(kinds[0]))
		return refuse(line, "it begins with 'created' or 'taken', and 'sem/sysv' or 'sem/posix'");
	learnt.role = (enum ipc_learnt_role)i;
	learnt.key.space = kinds[j].space;
	r = parse_words(line, &learnt);
	if (r)
		return r;
	if (!learnt.pid || learnt.uid == UINT32_MAX)
		return refuse(line, "no such process, or user");
	if (learnt.key.space == IPC_SPACE_SEM)
		learnt.key.device = learnt.ns;
	return ipc_learnt_add(list, &learnt) ? ipc_ctx_fail(line->ctx, -ENOMEM, "out of memory") : 0;
}

static int parse_head(struct line *line, struct ipc_learnt_origin *origin)
{
	size_t len;

	switch (line->number) {
	case 1:
		if (!take(line, "ipctool-evidence"))
			return refuse(line, "it does not begin as what 'monitor --record' writes");
		if (!ipc_bytes_equal(take_word(line), IPC_BYTES(VERSION)))
			return refuse(line, "another version has written it");
		return 0;
	case 2:
		len = take(line, "boot") ? (size_t)(line->end - line->at) : 0;
		if (!len || len >= sizeof(origin->boot))
			return refuse(line, "no 'boot=' where it belongs");
		memcpy(origin->boot, line->at, len);
		origin->boot[len] = '\0';
		return 0;
	default:
		if (!take(line, "pid_namespace") ||
		    ipc_parse_uint(line->at, (size_t)(line->end - line->at), &origin->pid_ns))
			return refuse(line, "no 'pid_namespace=' where it belongs");
		return 0;
	}
}

#define HEAD_LINES 3

int ipc_learnt_parse(struct ipc_ctx *ctx, const char *text, size_t len, struct ipc_learnt_origin *origin,
		     struct ipc_learnt_list *list)
{
	struct line line = {.ctx = ctx};
	const char *end = text + len;
	int r = 0;

	while (r == 0 && text < end) {
		line.at = text;
		line.end = memchr(text, '\n', (size_t)(end - text));
		line.number++;
		if (!line.end)
			return refuse(&line, "it ends in the middle");
		text = line.end + 1;
		r = line.number <= HEAD_LINES ? parse_head(&line, origin) : parse_line(&line, list);
	}
	if (r == 0 && line.number < HEAD_LINES) {
		line.number++;
		return refuse(&line, "it ends in the middle");
	}
	return r;
}
