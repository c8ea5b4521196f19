/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The value of a field as text: for people and raw, and as JSON. */
#include <inttypes.h>

#include "format.h"

/* ---- text ------------------------------------------------------------------------------------------------------ */

static bool member(const struct ipc_value *list, size_t index, const char *name, struct ipc_value *out)
{
	const struct ipc_field *field = ipc_record_find(list->list.of, name);

	return field && !ipc_value_member(list, index, field, out) && !out->null;
}

/*
 * 4711(nginx), unless it says the same as the entry before: one process with several descriptors. With what it is to give
 * back to a semaphore: 4711(nginx)+1.
 */
static void append_process(struct text *out, const struct ipc_value *list, size_t index, const struct style *style)
{
	struct ipc_value pid, comm, adjust;
	bool adjusts = member(list, index, "adjust", &adjust);
	bool has_pid = member(list, index, "pid", &pid), has_comm = member(list, index, "comm", &comm);

	if (index) {
		struct ipc_value pid_before, comm_before;
		bool had_pid = member(list, index - 1, "pid", &pid_before);
		bool had_comm = member(list, index - 1, "comm", &comm_before);

		if (!adjusts && has_pid && had_pid && pid.i == pid_before.i && has_comm == had_comm &&
		    (!has_comm || (comm.str.len == comm_before.str.len &&
				   !memcmp(comm.str.data, comm_before.str.data, comm.str.len))))
			return;
		text_char(out, ',');
	}
	if (has_pid)
		format_value(out, &pid, style);
	else
		text_char(out, '?');
	if (has_comm) {
		text_char(out, '(');
		format_value(out, &comm, style);
		text_char(out, ')');
	}
	if (adjusts)
		text_format(out, "%+" PRId64, adjust.i);
}

/* An entry of a record that has no short form: every member that is known. */
static void append_members(struct text *out, const struct ipc_value *list, size_t index, const struct style *style)
{
	const struct ipc_field *field;
	struct ipc_value value;
	bool first = true;
	size_t i;

	for (i = 0; (field = ipc_record_field(list->list.of, i)); i++) {
		if (ipc_value_member(list, index, field, &value) || value.null)
			continue;
		if (!first)
			text_char(out, ' ');
		first = false;
		text_string(out, ipc_field_name(field));
		text_char(out, '=');
		format_value(out, &value, style);
	}
}

static void append_records(struct text *out, const struct ipc_value *list, const struct style *style)
{
	const struct ipc_record *record = list->list.of;
	bool process = ipc_record_find(record, "pid") && ipc_record_find(record, "comm");
	const struct ipc_field *leading = ipc_record_find(record, "value");
	struct ipc_value value;
	size_t i;

	if (!leading)
		leading = ipc_record_find(record, "ref");
	for (i = 0; i < list->list.count; i++) {
		if (process) {
			append_process(out, list, i, style);
			continue;
		}
		if (i)
			text_char(out, ',');
		if (!leading)
			append_members(out, list, i, style);
		else if (!ipc_value_member(list, i, leading, &value) && !value.null)
			format_value(out, &value, style);
		else
			text_char(out, '?');
	}
}

static void append_hex(struct text *out, uint64_t number, unsigned digits)
{
	char *at = text_reserve(out, 2 + 16);
	unsigned i;

	while (digits < 16 && number >> 4 * digits)
		digits++;
	*at++ = '0';
	*at++ = 'x';
	for (i = digits; i; number >>= 4)
		at[--i] = "0123456789abcdef"[number & 15];
	out->len += 2 + digits;
}

static void format_bool(struct text *out, const struct ipc_value *value, const struct style *style)
{
	(void)style;
	text_string(out, value->u ? "yes" : "no");
}

static void format_int(struct text *out, const struct ipc_value *value, const struct style *style)
{
	(void)style;
	text_int(out, value->i);
}

static void format_uint(struct text *out, const struct ipc_value *value, const struct style *style)
{
	(void)style;
	text_uint(out, value->u);
}

static void format_bytes(struct text *out, const struct ipc_value *value, const struct style *style)
{
	if (style->bytes || style->machine)
		text_uint(out, value->u);
	else
		format_size(out, value->u);
}

static void format_key(struct text *out, const struct ipc_value *value, const struct style *style)
{
	(void)style;
	append_hex(out, value->u, 8);
}

static void format_address(struct text *out, const struct ipc_value *value, const struct style *style)
{
	(void)style;
	append_hex(out, value->u, 1);
}

static void format_mode(struct text *out, const struct ipc_value *value, const struct style *style)
{
	char *start = text_reserve(out, 5), *at = start;
	uint64_t mode = value->u;

	(void)style;
	*at++ = '0';
	if (mode > 0777)
		*at++ = (char)('0' + (mode >> 9 & 7));
	*at++ = (char)('0' + (mode >> 6 & 7));
	*at++ = (char)('0' + (mode >> 3 & 7));
	*at++ = (char)('0' + (mode & 7));
	out->len += (size_t)(at - start);
}

static void format_moment(struct text *out, const struct ipc_value *value, const struct style *style)
{
	struct shown_time *shown = style->shown;
	size_t start = out->len;

	if (shown && shown->len && shown->ns == value->i && shown->now == style->now) {
		text_bytes(out, shown->text, shown->len);
		return;
	}
	if (style->machine)
		format_utc(out, value->i);
	else
		format_time(out, value->i, style->time, style->now);
	if (!shown || out->len - start > sizeof(shown->text))
		return;
	shown->ns = value->i;
	shown->now = style->now;
	shown->len = out->len - start;
	memcpy(shown->text, out->data + start, shown->len);
}

static void format_length(struct text *out, const struct ipc_value *value, const struct style *style)
{
	if (style->machine)
		format_seconds(out, value->i);
	else
		format_duration(out, value->i);
}

static void format_string(struct text *out, const struct ipc_value *value, const struct style *style)
{
	(void)style;
	text_escaped(out, value->str);
}

static void format_strings(struct text *out, const struct ipc_value *value, const struct style *style)
{
	size_t i;

	(void)style;
	for (i = 0; i < value->list.count; i++) {
		if (i)
			text_char(out, ',');
		text_escaped(out, ipc_value_string(value, i));
	}
}

static void format_records(struct text *out, const struct ipc_value *value, const struct style *style)
{
	if (value->list.count)
		append_records(out, value, style);
}

static void format_record(struct text *out, const struct ipc_value *value, const struct style *style)
{
	append_members(out, value, 0, style);
}

void format_value(struct text *out, const struct ipc_value *value, const struct style *style)
{
	static void (*const formats[])(struct text *, const struct ipc_value *, const struct style *) = {
		[IPC_TYPE_BOOL] = format_bool,       [IPC_TYPE_INT] = format_int,
		[IPC_TYPE_UINT] = format_uint,       [IPC_TYPE_SIZE] = format_bytes,
		[IPC_TYPE_KEY] = format_key,         [IPC_TYPE_ADDRESS] = format_address,
		[IPC_TYPE_MODE] = format_mode,       [IPC_TYPE_TIME] = format_moment,
		[IPC_TYPE_DURATION] = format_length, [IPC_TYPE_STRING] = format_string,
		[IPC_TYPE_STRINGS] = format_strings, [IPC_TYPE_RECORDS] = format_records,
		[IPC_TYPE_RECORD] = format_record,
	};

	if (!value->null)
		formats[value->type](out, value, style);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

/*
 * From @start on there is printable ASCII, which needs a backslash before two of its characters: make room, then move
 * from the end.
 */
static void quote_from(struct text *out, size_t start)
{
	size_t more = 0, i;

	if (!memchr(out->data + start, '"', out->len - start) && !memchr(out->data + start, '\\', out->len - start))
		return;
	for (i = start; i < out->len; i++)
		more += out->data[i] == '"' || out->data[i] == '\\';
	text_reserve(out, more);
	i = out->len;
	out->len += more;
	for (; more; i--) {
		char c = out->data[i - 1];

		out->data[i - 1 + more] = c;
		if (c == '"' || c == '\\')
			out->data[i - 1 + --more] = '\\';
	}
}

void format_json_string(struct text *out, struct ipc_bytes bytes)
{
	size_t start;

	if (!bytes.data) {
		text_string(out, "null");
		return;
	}
	text_char(out, '"');
	start = out->len;
	text_escaped(out, bytes);
	quote_from(out, start);
	text_char(out, '"');
}

void format_json_text(struct text *out, const char *string)
{
	size_t start;

	text_char(out, '"');
	start = out->len;
	text_safe(out, string);
	quote_from(out, start);
	text_char(out, '"');
}

static void json_records(struct text *out, const struct ipc_value *list)
{
	const struct ipc_field *field;
	struct ipc_value value;
	size_t i, f;

	text_char(out, '[');
	for (i = 0; i < list->list.count; i++) {
		text_string(out, i ? ", {" : "{");
		for (f = 0; (field = ipc_record_field(list->list.of, f)); f++) {
			if (ipc_value_member(list, i, field, &value))
				value.null = true;
			text_string(out, f ? ", \"" : "\"");
			text_string(out, ipc_field_name(field));
			text_string(out, "\": ");
			format_json(out, &value);
		}
		text_char(out, '}');
	}
	text_char(out, ']');
}

static void json_members(struct text *out, const struct ipc_value *record)
{
	const struct ipc_field *field;
	struct ipc_value value;
	bool any = false;
	size_t i;

	text_char(out, '{');
	for (i = 0; (field = ipc_record_field(record->list.of, i)); i++) {
		if (ipc_value_member(record, 0, field, &value) || value.null)
			continue;
		text_string(out, any ? ", \"" : "\"");
		any = true;
		text_string(out, ipc_field_name(field));
		text_string(out, "\": ");
		format_json(out, &value);
	}
	text_char(out, '}');
}

void format_json(struct text *out, const struct ipc_value *value)
{
	static const struct style machine = {.machine = true};
	size_t i;

	if (value->null) {
		text_string(out, "null");
		return;
	}
	switch (value->type) {
	case IPC_TYPE_BOOL:
		text_string(out, value->u ? "true" : "false");
		break;
	case IPC_TYPE_INT:
	case IPC_TYPE_UINT:
	case IPC_TYPE_SIZE:
	case IPC_TYPE_DURATION:
		format_value(out, value, &machine);
		break;
	case IPC_TYPE_KEY:
	case IPC_TYPE_ADDRESS:
	case IPC_TYPE_MODE:
	case IPC_TYPE_TIME:
		text_char(out, '"');
		format_value(out, value, &machine);
		text_char(out, '"');
		break;
	case IPC_TYPE_STRING:
		format_json_string(out, value->str);
		break;
	case IPC_TYPE_STRINGS:
		text_char(out, '[');
		for (i = 0; i < value->list.count; i++) {
			if (i)
				text_string(out, ", ");
			format_json_string(out, ipc_value_string(value, i));
		}
		text_char(out, ']');
		break;
	case IPC_TYPE_RECORDS:
		json_records(out, value);
		break;
	case IPC_TYPE_RECORD:
		json_members(out, value);
		break;
	}
}
