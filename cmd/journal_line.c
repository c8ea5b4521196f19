/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is recorded of a removal. */
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "format.h"
#include "journal_line.h"

#define NO_LOGIN UINT32_MAX /* what /proc/self/loginuid says of who never logged in */
#define NAME_LONGEST 1100   /* in a plain line: any name of a file, escaped */
#define WHY_LONGEST 600
#define HANDLE_LONGEST 400 /* what tells it from others is in front of its name */

static const char *const members[] = {"ref",  "handle", "class", "kind",     "name", "uid", "user",
				      "size", "used",   "state", "evidence", "rule", "why"};

#define MEMBERS (sizeof(members) / sizeof(members[0]))

void journal_line_want(struct ipc_query *query)
{
	size_t i;

	for (i = 0; i < MEMBERS; i++)
		ipc_query_want(query, members[i]);
}

/* Null also when its kind has no such field. */
static struct ipc_value get(const struct ipc_object *object, const char *field)
{
	struct ipc_value value;

	if (ipc_object_get_by_name(object, field, &value))
		value = (struct ipc_value){.null = true};
	return value;
}

/* ---- who --------------------------------------------------------------------------------------------------------- */

/* Who logged in at first, whatever he became since; sudo and su do not change it. */
static void append_login(struct text *out)
{
	char text[32] = "";
	unsigned long login = NO_LOGIN;
	int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) > 0)
			login = strtoul(text, NULL, 10);
		close(fd);
	}
	if (login == NO_LOGIN)
		text_string(out, "null");
	else
		text_uint(out, login);
}

void journal_line_by(struct text *out)
{
	const struct passwd *user = getpwuid(getuid());
	struct utsname host;

	text_format(out, "{\"uid\": %u, \"user\": ", (unsigned)getuid());
	format_json_string(out, (struct ipc_bytes){user ? user->pw_name : NULL, user ? strlen(user->pw_name) : 0});
	text_string(out, ", \"loginuid\": ");
	append_login(out);
	text_format(out, ", \"pid\": %ld, \"host\": ", (long)getpid());
	if (uname(&host) == 0)
		format_json_string(out, (struct ipc_bytes){host.nodename, strlen(host.nodename)});
	else
		text_string(out, "null");
	text_char(out, '}');
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void append_time(struct text *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	text_char(out, '"');
	format_utc(out, now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
	text_char(out, '"');
}

void journal_line_json(struct text *out, const struct ipc_object *object, struct text *by, const char *saved,
		       struct ipc_bytes result)
{
	struct ipc_value value;
	size_t i;

	text_string(out, "{\"time\": ");
	append_time(out);
	text_string(out, ", \"verb\": \"clean\"");
	for (i = 0; i < MEMBERS; i++) {
		value = get(object, members[i]);
		text_format(out, ", \"%s\": ", members[i]);
		format_json(out, &value);
	}
	text_format(out, ", \"by\": %s, \"saved\": ", text_cstr(by));
	if (saved)
		format_json_text(out, saved);
	else
		text_string(out, "null");
	text_string(out, ", \"result\": ");
	format_json_string(out, result);
	text_string(out, "}\n");
}

/* ---- plain ------------------------------------------------------------------------------------------------------- */

/* @len bytes of escaped text and no half of an escape. */
static size_t cut_escaped(const char *text, size_t len)
{
	size_t back;

	for (back = 1; back <= 3 && back <= len; back++)
		if (text[len - back] == '\\')
			return len - back;
	return len;
}

static void append_quoted(struct text *out, const char *name, struct ipc_bytes bytes, size_t longest)
{
	struct text escaped = {0};
	size_t i, len;

	if (!bytes.data)
		return;
	text_escaped(&escaped, bytes);
	len = escaped.len > longest ? cut_escaped(escaped.data, longest) : escaped.len;
	text_format(out, " %s=\"", name);
	for (i = 0; i < len; i++) {
		if (escaped.data[i] == '"')
			text_string(out, "\\x22");
		else
			text_char(out, escaped.data[i]);
	}
	text_string(out, len < escaped.len ? "...\"" : "\"");
	text_release(&escaped);
}

static void append_field(struct text *out, const struct ipc_object *object, const char *field, size_t longest)
{
	const struct ipc_value value = get(object, field);

	if (!value.null)
		append_quoted(out, field, value.str, longest);
}

static void append_number(struct text *out, const struct ipc_object *object, const char *field)
{
	const struct ipc_value value = get(object, field);

	if (!value.null)
		text_format(out, " %s=%" PRIu64, field, value.u);
}

/* What the reason says begins with the state, and is the evidence. Last comes what a syslog may cut off. */
void journal_line_plain(struct text *out, const struct ipc_object *object)
{
	text_string(out, "removed");
	append_field(out, object, "ref", NAME_LONGEST);
	append_number(out, object, "uid");
	append_number(out, object, "size");
	append_field(out, object, "state", NAME_LONGEST);
	append_field(out, object, "rule", NAME_LONGEST);
	text_format(out, " by=%u", (unsigned)getuid());
	append_field(out, object, "why", WHY_LONGEST);
	append_field(out, object, "handle", HANDLE_LONGEST);
}
