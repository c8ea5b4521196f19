/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manifest of an archive: one table says which lines there are, and is written and read by. */
#include <stdlib.h>

#include "manifest.h"

#define VERSION_NAME "ipctool-archive"
#define VERSION "1"
#define SETTING_PREFIX "set."
#define MOST_SETTINGS 64

enum line_type { LINE_TEXT, LINE_NUMBER, LINE_FLAG };

#define LINE(member, kind_of, is_needed)                                                                    \
	{                                                                                                   \
		.name = #member, .type = LINE_##kind_of, .offset = offsetof(struct manifest_entry, member), \
		.needed = (is_needed)                                                                       \
	}

static const struct line {
	const char *name;
	enum line_type type;
	size_t offset;
	bool needed;
} lines[] = {
	LINE(object, TEXT, true),     LINE(handle, TEXT, false), LINE(kind, TEXT, true),    LINE(create, TEXT, false),
	LINE(cannot, TEXT, false),    LINE(file, TEXT, true),    LINE(bytes, NUMBER, true), LINE(count, NUMBER, true),
	LINE(unreached, TEXT, false), LINE(torn, FLAG, false),   LINE(cut, FLAG, false),    LINE(source, TEXT, false),
	LINE(dumped, TEXT, true),
};

#define LINES (sizeof(lines) / sizeof(lines[0]))

static void *member_of(const struct manifest_entry *entry, const struct line *line)
{
	return (char *)entry + line->offset;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

void manifest_set(char **at, const char *value)
{
	free(*at);
	*at = xstrdup(value);
}

void manifest_add_setting(struct manifest_entry *entry, const char *name, const char *value)
{
	entry->settings = xrealloc(entry->settings, (entry->setting_count + 1) * sizeof(*entry->settings));
	entry->settings[entry->setting_count++] = (struct manifest_setting){xstrdup(name), xstrdup(value)};
}

const char *manifest_setting(const struct manifest_entry *entry, const char *name)
{
	size_t i;

	for (i = 0; i < entry->setting_count; i++)
		if (!strcmp(entry->settings[i].name, name))
			return entry->settings[i].value;
	return NULL;
}

void manifest_entry_release(struct manifest_entry *entry)
{
	size_t i;

	for (i = 0; i < LINES; i++)
		if (lines[i].type == LINE_TEXT)
			free(*(char **)member_of(entry, &lines[i]));
	for (i = 0; i < entry->setting_count; i++) {
		free(entry->settings[i].name);
		free(entry->settings[i].value);
	}
	free(entry->settings);
	*entry = (struct manifest_entry){0};
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

void manifest_append_version(struct text *out)
{
	text_string(out, VERSION_NAME "=" VERSION "\n\n");
}

static void append_line(struct text *out, const struct manifest_entry *entry, const struct line *line)
{
	const void *member = member_of(entry, line);
	const char *string;

	switch (line->type) {
	case LINE_TEXT:
		string = *(char *const *)member;
		if (string)
			text_format(out, "%s=%s\n", line->name, string);
		break;
	case LINE_NUMBER:
		text_format(out, "%s=", line->name);
		text_uint(out, *(const uint64_t *)member);
		text_char(out, '\n');
		break;
	default:
		if (*(const bool *)member)
			text_format(out, "%s=yes\n", line->name);
	}
}

void manifest_append(struct text *out, const struct manifest_entry *entry)
{
	size_t i;

	for (i = 0; i < LINES; i++)
		append_line(out, entry, &lines[i]);
	for (i = 0; i < entry->setting_count; i++)
		text_format(out, SETTING_PREFIX "%s=%s\n", entry->settings[i].name, entry->settings[i].value);
	text_char(out, '\n');
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* A manifest half read. */
struct reader {
	const char *at, *end;
	size_t number; /* of the line at hand */
	struct text *why;
	struct text name, value; /* of that line */
	struct manifest_entry entry;
	bool seen[LINES];
	bool begun; /* the stanza at hand has a line */
	bool empty; /* the line at hand is */
};

static bool refuse(struct reader *reader, const char *text)
{
	text_format(reader->why, "line %zu: %s", reader->number, text);
	return false;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Printable, and escaped where it has a backslash. */
static bool is_value(const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (data[i] < ' ' || data[i] > '~')
			return false;
		if (data[i] != '\\')
			continue;
		if (len - i < 4 || data[i + 1] != 'x' || !is_hex(data[i + 2]) || !is_hex(data[i + 3]))
			return false;
		i += 3;
	}
	return true;
}

/* The next line into name and value. Returns false when it is of another form. */
static bool take_line(struct reader *reader, const char *newline)
{
	size_t len = (size_t)(newline - reader->at);
	const char *equals = memchr(reader->at, '=', len);

	text_clear(&reader->name);
	text_clear(&reader->value);
	reader->empty = !len;
	reader->number++;
	if (len && !equals)
		return refuse(reader, "not of the form NAME=VALUE");
	if (len && !is_value(reader->at, len))
		return refuse(reader, "not printable ASCII with \\xHH for other bytes");
	if (len) {
		text_bytes(&reader->name, reader->at, (size_t)(equals - reader->at));
		text_bytes(&reader->value, equals + 1, (size_t)(newline - equals) - 1);
	}
	reader->at = newline + 1;
	return true;
}

/* Decimal digits alone, that fit. */
static bool parse_number(const char *text, uint64_t *out)
{
	uint64_t number = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (*text < '0' || *text > '9' || number > (UINT64_MAX - digit) / 10)
			return false;
		number = 10 * number + digit;
	}
	*out = number;
	return true;
}

static bool store(struct reader *reader, const struct line *line)
{
	const char *value = text_cstr(&reader->value);
	void *member = member_of(&reader->entry, line);

	if (reader->seen[line - lines])
		return refuse(reader, "given twice");
	reader->seen[line - lines] = true;
	switch (line->type) {
	case LINE_TEXT:
		if (!*value)
			return refuse(reader, "no value");
		manifest_set(member, value);
		return true;
	case LINE_NUMBER:
		return parse_number(value, member) || refuse(reader, "not a number");
	default:
		*(bool *)member = !strcmp(value, "yes");
		return *(bool *)member || refuse(reader, "only 'yes' can stand here");
	}
}

static bool store_setting(struct reader *reader, const char *name)
{
	if (reader->entry.setting_count == MOST_SETTINGS)
		return refuse(reader, "more settings than any object has");
	if (manifest_setting(&reader->entry, name))
		return refuse(reader, "given twice");
	manifest_add_setting(&reader->entry, name, text_cstr(&reader->value));
	return true;
}

static bool take_value(struct reader *reader)
{
	const char *name = text_cstr(&reader->name);
	size_t i, prefix = strlen(SETTING_PREFIX);

	reader->begun = true;
	if (!strncmp(name, SETTING_PREFIX, prefix))
		return store_setting(reader, name + prefix);
	for (i = 0; i < LINES; i++)
		if (!strcmp(lines[i].name, name))
			return store(reader, &lines[i]);
	return refuse(reader, "an unknown name");
}

/* The stanza is complete: does it say all that it must? */
static bool end_stanza(struct reader *reader, struct manifest *out)
{
	size_t i;

	if (!reader->begun)
		return true; /* one more empty line */
	for (i = 0; i < LINES; i++) {
		if (!lines[i].needed || reader->seen[i])
			continue;
		text_format(reader->why, "line %zu: the object that ends here has no '%s'", reader->number,
			    lines[i].name);
		return false;
	}
	if (!reader->entry.create == !reader->entry.cannot)
		return refuse(reader, "the object that ends here must have one of 'create' and 'cannot'");
	if (!(out->count & (out->count + 1))) /* grows by doubling */
		out->entries = xrealloc(out->entries, 2 * (out->count + 1) * sizeof(*out->entries));
	out->entries[out->count++] = reader->entry;
	reader->entry = (struct manifest_entry){0};
	memset(reader->seen, 0, sizeof(reader->seen));
	reader->begun = false;
	return true;
}

static bool parse_version(struct reader *reader)
{
	const char *newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));

	if (!newline || !take_line(reader, newline) || strcmp(text_cstr(&reader->name), VERSION_NAME) != 0) {
		text_clear(reader->why);
		reader->number = 1;
		return refuse(reader, "it does not begin as a manifest does");
	}
	return !strcmp(text_cstr(&reader->value), VERSION) ||
	       refuse(reader, "a version that this program does not know");
}

static bool parse(struct reader *reader, struct manifest *out)
{
	const char *newline;
	bool good = parse_version(reader);

	while (good && (newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at)))) {
		good = take_line(reader, newline);
		if (good)
			good = reader->empty ? end_stanza(reader, out) : take_value(reader);
	}
	out->cut_off = good && (reader->begun || reader->at < reader->end);
	return good;
}

bool manifest_parse(struct manifest *out, const char *data, size_t size, struct text *why)
{
	struct reader reader = {.at = data, .end = data + size, .why = why};
	bool good;

	*out = (struct manifest){0};
	good = parse(&reader, out);
	manifest_entry_release(&reader.entry);
	text_release(&reader.name);
	text_release(&reader.value);
	return good;
}

void manifest_release(struct manifest *manifest)
{
	while (manifest->count)
		manifest_entry_release(&manifest->entries[--manifest->count]);
	free(manifest->entries);
	*manifest = (struct manifest){0};
}
