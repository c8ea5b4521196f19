// SPDX-License-Identifier: LGPL-2.1-or-later
/* The right-hand side of a comparison, read by the type of the field on its left. */
#include <errno.h>
#include <string.h>

#include "model/filter_node.h"
#include "model/units.h"

/* Longer patterns serve nobody, and regcomp() recurses over them. */
#define PATTERN_MAX 1000

static const char *const type_forms[] = {
	[IPC_TYPE_BOOL] = "expected true or false, not ",
	[IPC_TYPE_INT] = "expected a number, not ",
	[IPC_TYPE_UINT] = "expected a number, not ",
	[IPC_TYPE_SIZE] = "expected a size such as 4096, 64M or 1.5GiB, not ",
	[IPC_TYPE_KEY] = "expected a key such as 0x0052e2c1, not ",
	[IPC_TYPE_ADDRESS] = "expected an address such as 0x7f0000001000, not ",
	[IPC_TYPE_MODE] = "expected an octal mode such as 0600, not ",
	[IPC_TYPE_TIME] = "expected a time such as 2026-01-02 or 2026-01-02T03:04:05Z, not ",
	[IPC_TYPE_DURATION] = "expected a duration such as 90s or 1h30m, not ",
};

static int parse_count(struct ipc_bytes text, uint64_t *out)
{
	int error = ipc_parse_hex(text.data, text.len, out);

	return error == -EINVAL ? ipc_parse_uint(text.data, text.len, out) : error;
}

static int parse_int(struct ipc_bytes text, int64_t *out)
{
	bool minus = ipc_bytes_starts(text, "-");
	uint64_t number;
	int error = parse_count((struct ipc_bytes){text.data + minus, text.len - minus}, &number);

	if (error)
		return error;
	if (number > INT64_MAX)
		return -ERANGE;
	*out = minus ? -(int64_t)number : (int64_t)number;
	return 0;
}

static int parse_mode(struct ipc_bytes text, uint64_t *out)
{
	uint64_t mode = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '7')
			return -EINVAL;
		mode = mode << 3 | (uint64_t)(text.data[i] - '0');
		if (mode > 07777)
			return -ERANGE;
	}
	*out = mode;
	return text.len ? 0 : -EINVAL;
}

static int parse_bool(struct ipc_bytes text, uint64_t *out)
{
	bool yes = ipc_bytes_equal(text, IPC_BYTES("true")) || ipc_bytes_equal(text, IPC_BYTES("1"));

	if (!yes && !ipc_bytes_equal(text, IPC_BYTES("false")) && !ipc_bytes_equal(text, IPC_BYTES("0")))
		return -EINVAL;
	*out = yes;
	return 0;
}

static int parse_scalar(struct ipc_bytes text, struct ipc_value *out)
{
	int error;

	switch (out->type) {
	case IPC_TYPE_BOOL:
		return parse_bool(text, &out->u);
	case IPC_TYPE_INT:
		return parse_int(text, &out->i);
	case IPC_TYPE_SIZE:
		error = parse_count(text, &out->u);
		return error == -EINVAL ? ipc_parse_size(text.data, text.len, &out->u) : error;
	case IPC_TYPE_MODE:
		return parse_mode(text, &out->u);
	case IPC_TYPE_TIME:
		return ipc_parse_time(text.data, text.len, &out->i);
	case IPC_TYPE_DURATION:
		return ipc_parse_duration(text.data, text.len, &out->i);
	default:
		return parse_count(text, &out->u);
	}
}

/* The bytes that a quoted text or a word stands for. */
static int decode_text(struct ipc_filter_parser *parser, const struct ipc_filter_token *token, struct ipc_buf *out)
{
	char quote = token->kind == IPC_TOKEN_QUOTED ? token->at[-1] : '\0';

	for (size_t i = 0; i < token->len;) {
		const char *at = token->at + i;
		size_t left = token->len - i;
		size_t bad;
		int error;

		if (*at != '\\') {
			error = ipc_buf_append(out, at, 1);
			i++;
		} else if (quote && left > 1 && at[1] == quote) {
			error = ipc_buf_append(out, &quote, 1);
			i += 2;
		} else {
			error = ipc_unescape(at, left < 4 ? left : 4, out, &bad);
			i += 4;
		}
		if (error == -EINVAL)
			return ipc_filter_complain(parser, at, 0, "bad escape: only \\xHH is understood",
						   "; a backslash is \\x5c");
		if (error)
			return error;
	}
	return 0;
}

/*
 * What the bytes at @at mean in a regular expression: writes one or two to @out, and returns how many of @left they
 * were. *@bad is set for a NUL byte, which regcomp() cannot see.
 */
static size_t decode_pattern_byte(const char *at, size_t left, char quote, char out[2], size_t *len, bool *bad)
{
	struct ipc_buf decoded = {0};
	size_t unused;
	bool escape = left >= 4 && *at == '\\' && ipc_unescape(at, 4, &decoded, &unused) == 0;
	char byte = escape ? decoded.data[0] : *at;

	ipc_buf_release(&decoded);
	*bad = byte == '\0';
	*len = 1;
	out[0] = byte;
	if (escape) {
		if (!*bad && strchr(".[]()*+?{}|^$\\", byte)) {
			out[0] = '\\';
			out[1] = byte;
			*len = 2;
		}
		return 4;
	}
	if (*at != '\\' || left < 2)
		return 1;
	if (quote && at[1] == quote) {
		out[0] = quote;
	} else {
		out[1] = at[1];
		*len = 2;
	}
	return 2;
}

/* The regular expression: as decode_text(), but \xHH loses any special meaning and other escapes stay. */
static int decode_pattern(struct ipc_filter_parser *parser, const struct ipc_filter_token *token, struct ipc_buf *out)
{
	char quote = token->kind == IPC_TOKEN_QUOTED ? token->at[-1] : '\0';

	for (size_t i = 0; i < token->len;) {
		const char *at = token->at + i;
		char bytes[2];
		size_t len;
		bool bad;

		i += decode_pattern_byte(at, token->len - i, quote, bytes, &len, &bad);
		if (bad)
			return ipc_filter_complain(parser, at, 0, "a pattern cannot hold \\x00", "");
		if (ipc_buf_append(out, bytes, len))
			return -ENOMEM;
	}
	return 0;
}

static int compile(struct ipc_filter_parser *parser, const struct ipc_filter_token *token,
		   const struct ipc_buf *pattern, struct ipc_filter_term *test)
{
	char reason[128];
	int code;

	if (pattern->len > PATTERN_MAX)
		return ipc_filter_complain(parser, token->at, 0, "pattern too long", "");
	code = regcomp(&test->pattern, pattern->data ? pattern->data : "", REG_EXTENDED | REG_NOSUB);
	if (code == REG_ESPACE)
		return -ENOMEM;
	if (code) {
		regerror(code, &test->pattern, reason, sizeof(reason));
		code = ipc_filter_complain(parser, token->at, token->len, "bad pattern ", ": ");
		return ipc_buf_format(parser->why, "%s", reason) ? -ENOMEM : code;
	}
	test->next = parser->filter->patterns;
	parser->filter->patterns = test;
	return 0;
}

int ipc_filter_literal(struct ipc_filter_parser *parser, const struct ipc_filter_token *token, enum ipc_type type,
		       struct ipc_filter_term *test)
{
	bool text = type == IPC_TYPE_STRING || type == IPC_TYPE_STRINGS;
	bool pattern = test->op == IPC_FILTER_MATCH;
	struct ipc_buf decoded = {0};
	int error;

	test->count =
		ipc_type_has_members(type) || (type == IPC_TYPE_STRINGS && test->op != IPC_FILTER_EQUAL && !pattern);
	test->value = (struct ipc_value){.type = test->count ? IPC_TYPE_UINT : text ? IPC_TYPE_STRING : type};
	error = pattern ? decode_pattern(parser, token, &decoded) : decode_text(parser, token, &decoded);
	if (error)
		goto out;
	if (pattern) {
		error = compile(parser, token, &decoded, test);
	} else if (test->value.type == IPC_TYPE_STRING) {
		test->value.str =
			ipc_arena_bytes(&parser->filter->arena, decoded.data ? decoded.data : "", decoded.len);
		error = test->value.str.data ? 0 : -ENOMEM;
	} else {
		const char *form = test->count ? "expected a number of entries, not " : type_forms[type];

		error = parse_scalar((struct ipc_bytes){decoded.data, decoded.len}, &test->value);
		if (error == -ERANGE)
			error = ipc_filter_complain(parser, token->at, token->len, "", " is too large");
		else if (error == -EINVAL)
			error = ipc_filter_complain(parser, token->at, token->len, form, token->len ? "" : "''");
	}
out:
	ipc_buf_release(&decoded);
	return error;
}
