/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Globs for names. A pattern that could never match anything is refused, for it protects nothing: names begin with a
 * slash, and are printed with \xHH for whatever is not printable ASCII.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

#define PID "<pid>"
#define PID_LEN 5

/* What was appended to a text is the reason, unless there was no room for it. */
static int refused(int error)
{
	return error ? error : -EINVAL;
}

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

/* The length of the bracket expression that begins at @at; 0: it has no end. */
static size_t bracket(const char *at, size_t len)
{
	size_t i = 1;

	if (i < len && (at[i] == '!' || at[i] == '^'))
		i++;
	if (i < len && at[i] == ']')
		i++;
	for (; i < len && at[i] != ']'; i++) {
		if (at[i] != '[' || i + 1 == len || !is_one_of(at[i + 1], ":.="))
			continue;
		/* "[:digit:]" and the like: to its own end */
		for (i += 3; i < len && !(at[i] == ']' && is_one_of(at[i - 1], ":.=")); i++)
			;
	}
	return i < len ? i + 1 : 0;
}

int ipc_rule_glob_check(struct ipc_bytes word, struct ipc_buf *why)
{
	size_t i, step;

	for (i = 0; i < word.len; i += step) {
		step = word.data[i] == '[' ? bracket(word.data + i, word.len - i) : 1;
		if (!step)
			return refused(ipc_buf_format(why, "a '[' without ']'; the character itself is '[[]'"));
	}
	return 0;
}

int ipc_rule_spelling_check(struct ipc_bytes word, struct ipc_buf *why)
{
	struct ipc_buf decoded = {0}, printed = {0};
	size_t bad;
	int r = ipc_unescape(word.data, word.len, &decoded, &bad);

	if (r == -EINVAL)
		r = refused(ipc_buf_format(why, "a backslash in a name is printed, and written here, as \\x5c"));
	else if (r == 0 && memchr(decoded.data, ' ', decoded.len))
		r = refused(ipc_buf_format(why, "a blank in a name is printed as it is; here '?' stands for it"));
	if (r == 0)
		r = ipc_buf_escape(&printed, (struct ipc_bytes){decoded.data, decoded.len});
	if (r == 0 && !ipc_bytes_equal(word, (struct ipc_bytes){printed.data, printed.len}))
		r = refused(ipc_buf_format(why, "such a name is printed, and written here, as %s", printed.data));
	ipc_buf_release(&decoded);
	ipc_buf_release(&printed);
	return r;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Find "<pid>" outside of brackets; *@at is word.len when it is not there. */
static int find_pid(struct ipc_bytes word, size_t *at, struct ipc_buf *why)
{
	size_t i, step;

	*at = word.len;
	for (i = 0; i < word.len; i += step) {
		step = word.data[i] == '[' ? bracket(word.data + i, word.len - i) : 1;
		if (word.data[i] != '<')
			continue;
		if (word.len - i < PID_LEN || memcmp(word.data + i, PID, PID_LEN) != 0)
			return refused(
				ipc_buf_format(why, "a '<' that begins no " PID "; the character itself is '[<]'"));
		if (*at < word.len)
			return refused(ipc_buf_format(why, PID " twice in one name"));
		*at = i;
		step = PID_LEN;
	}
	i = *at;
	if (i < word.len &&
	    ((i && is_digit(word.data[i - 1])) || (i + PID_LEN < word.len && is_digit(word.data[i + PID_LEN]))))
		return refused(ipc_buf_format(why, PID " beside a digit: where the number ends cannot be told"));
	return 0;
}

static int check(struct ipc_bytes word, size_t *pid, struct ipc_buf *why)
{
	int r;

	if (!is_one_of(word.data[0], "/*?["))
		return refused(ipc_buf_format(why, "no name is like that: they begin with '/'"));
	r = ipc_rule_spelling_check(word, why);
	if (r == 0)
		r = ipc_rule_glob_check(word, why);
	return r ? r : find_pid(word, pid, why);
}

int ipc_rule_name_parse(struct ipc_bytes word, struct ipc_rule_name *out, struct ipc_buf *why)
{
	struct ipc_rule_name name = {0};
	size_t pid = 0;
	int r = check(word, &pid, why);

	if (r)
		return r;
	name.glob = strndup(word.data, word.len);
	if (!name.glob)
		return -ENOMEM;
	name.has_pid = pid < word.len;
	name.glob[pid] = '\0';
	name.tail = name.has_pid ? name.glob + pid + PID_LEN : NULL;
	name.literal = strcspn(name.glob, "*?[");
	*out = name;
	return 0;
}

bool ipc_rule_name_is_all(const struct ipc_rule_name *name)
{
	return !name->has_pid && name->glob[strspn(name->glob, "/*?")] == '\0';
}
