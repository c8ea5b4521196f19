/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Policy files, by inih. It cuts lines that are too long, takes a rule without keys for none, and can be built to read
 * some things in another way. So each line is looked at here before it gets it: what could be misread is a fault, and
 * inih sees an empty line in its place.
 */
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/idset.h"
#include "policy/policy.h"

/* inih has room for 200 bytes, of which a line end and the terminator take three. */
#define LINE_LONGEST 197
#define RULE_NAME_LONGEST 49
#define BLANKS " \t"

struct reader {
	struct ipc_policy *policy;
	const char *file;
	const char *at, *end; /* the text that is left */
	unsigned number;      /* of the line at hand, from 1 on */
	char line[LINE_LONGEST + 1];
	size_t value;           /* where it has its value */
	bool awaited;           /* inih is to find a key, or a further value, in this line */
	struct ipc_rule *rules; /* of this file; the last one is being read */
	size_t rule_count;
	struct ipc_idset names; /* hashes of theirs */
	bool unseen;            /* inih takes its keys for those of another */
	bool has_key;           /* an indented line has something to continue */
	bool ignores_key;       /* which is a fault already */
	bool faulty;
	bool failed; /* out of memory */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* ---- faults ------------------------------------------------------------------------------------------------------ */

static void add_fault(struct reader *reader, unsigned line, size_t column, const char *why)
{
	reader->faulty = true;
	if (!why || ipc_policy_add_fault(reader->policy, reader->file, line, (unsigned)column, why))
		reader->failed = true;
}

/* @offset: in the line at hand. */
static void fault(struct reader *reader, size_t offset, const char *why)
{
	add_fault(reader, reader->number, offset + 1, why);
}

static int by_place(const void *a, const void *b)
{
	const struct ipc_policy_fault *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static struct ipc_rule *current(struct reader *reader)
{
	return reader->rule_count ? &reader->rules[reader->rule_count - 1] : NULL;
}

static void finish_rule(struct reader *reader)
{
	struct ipc_rule *rule = current(reader);
	struct ipc_buf why = {0};
	int r = rule ? ipc_rule_finish(rule, &why) : 0;

	if (r == -EINVAL)
		add_fault(reader, rule->line, 1, why.data);
	else if (r)
		reader->failed = true;
	ipc_buf_release(&why);
}

/* @unseen: inih does not know of it. */
static void begin_rule(struct reader *reader, const char *name, bool unseen)
{
	struct ipc_rule *grown = NULL;

	finish_rule(reader);
	reader->has_key = false;
	reader->unseen = unseen;
	grown = ipc_policy_make_room(reader->rules, reader->rule_count, sizeof(*grown));
	if (grown)
		reader->rules = grown;
	if (!grown || ipc_rule_init(&grown[reader->rule_count], name, reader->file, reader->number))
		reader->failed = true;
	else
		reader->rule_count++;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

/* Where a '#' or ';' stands behind a blank: whether inih sees a comment in it depends on how it was built. */
static const char *find_comment(const char *line)
{
	const char *at;

	for (at = line; (at = strpbrk(at, "#;")); at++)
		if (at > line && is_blank(at[-1]))
			return at;
	return NULL;
}

/* Is there a rule of that name? */
static void check_unique(struct reader *reader, const char *name)
{
	int r = ipc_idset_add(&reader->names, ipc_hash(name, strlen(name)));
	struct ipc_buf why = {0};
	size_t i;

	for (i = 0; r == 0 && i < reader->rule_count; i++) {
		if (strcmp(reader->rules[i].name, name) != 0)
			continue;
		r = ipc_buf_format(&why, "there is a rule '%s' in line %u already", name, reader->rules[i].line);
		if (r == 0)
			fault(reader, 1, why.data);
		break;
	}
	if (r < 0)
		reader->failed = true;
	ipc_buf_release(&why);
}

static bool check_rule_name(struct reader *reader, const char *name)
{
	size_t len = strlen(name);

	if (!len)
		fault(reader, 1, "a rule without a name");
	else if (len > RULE_NAME_LONGEST)
		fault(reader, 1 + RULE_NAME_LONGEST, "the name of a rule has at most 49 bytes");
	else if (is_blank(name[0]) || is_blank(name[len - 1]))
		fault(reader, 1, "the name of a rule neither begins nor ends with a blank");
	else
		return true;
	return false;
}

/* "[name]". False: inih is not to see it. */
static bool take_section(struct reader *reader)
{
	char *line = reader->line, *close = strchr(line, ']');
	bool good = false;

	if (!close)
		fault(reader, strlen(line), "the name of a rule ends with ']'");
	else if (close[1])
		fault(reader, (size_t)(close + 1 - line), "nothing goes behind the ']' of a rule's name");
	else
		good = true;
	if (close)
		*close = '\0';
	if (close && !check_rule_name(reader, line + 1))
		good = false;
	if (good)
		check_unique(reader, line + 1);
	begin_rule(reader, line + 1, !good);
	if (close)
		*close = ']';
	return good;
}

/* "key = value", from column 1 on */
static bool take_key(struct reader *reader)
{
	const char *line = reader->line;
	size_t separator = strcspn(line, "=:");

	reader->has_key = true;
	reader->ignores_key = true;
	if (!line[separator])
		fault(reader, 0, "neither '[rule]' nor 'key = value'");
	else if (!reader->rule_count)
		fault(reader, 0, "a key before the first '[rule]'");
	else if (!strspn(line, "abcdefghijklmnopqrstuvwxyz"))
		fault(reader, 0, "a key begins with a small letter");
	else
		reader->ignores_key = false;
	if (reader->ignores_key)
		return false;
	reader->value = separator + 1 + strspn(line + separator + 1, BLANKS);
	return true;
}

/* Does that look like a key, which somebody indented? "name =", "name=" */
static bool looks_like_key(const char *word)
{
	size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return len &&
	       (word[len + strspn(word + len, BLANKS)] == '=' || (word[len] == ':' && ipc_rule_has_key(word, len)));
}

/* A further value, in a line that begins with a blank */
static bool take_more(struct reader *reader)
{
	const char *line = reader->line;

	reader->value = strspn(line, BLANKS);
	if (!reader->has_key)
		fault(reader, reader->value, "nothing to continue: only further values of a key are indented");
	else if (looks_like_key(line + reader->value))
		fault(reader, reader->value,
		      "a key begins in the first column: this line would continue the one before");
	else
		return !reader->ignores_key;
	return false;
}

/* One that cannot be taken. What may continue it is no fault of its own. */
static void give_up_line(struct reader *reader, bool section)
{
	if (section)
		begin_rule(reader, "?", true);
	reader->has_key = true;
	reader->ignores_key = true;
}

static bool check_comment(struct reader *reader)
{
	const char *comment = find_comment(reader->line);

	if (!comment)
		return true;
	fault(reader, (size_t)(comment - reader->line),
	      "a comment has a line of its own; a value that begins like one is put in brackets: [;] or [#]");
	give_up_line(reader, *reader->line == '[');
	return false;
}

/* False: inih gets an empty line. */
static bool take_line(struct reader *reader)
{
	bool taken;

	if (!check_comment(reader))
		return false;
	if (*reader->line == '[')
		return take_section(reader);
	taken = is_blank(*reader->line) ? take_more(reader) : take_key(reader);
	if (taken)
		reader->awaited = true;
	return taken;
}

/* ---- what inih asks for, and what it finds ----------------------------------------------------------------------- */

static void misread(struct reader *reader)
{
	fault(reader, 0, "the INI library of this host reads this line in another way than it is meant");
	reader->awaited = false;
}

/* A byte that no line has, or NULL */
static const char *find_control(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
			return line + i;
	return NULL;
}

static bool check_controls(struct reader *reader, const char *line, size_t len)
{
	const char *control = find_control(line, len);

	if (control)
		fault(reader, (size_t)(control - line), *control ? "a control character" : "a NUL byte");
	return !control;
}

static bool check_line(struct reader *reader, const char *line, size_t len)
{
	bool good = check_controls(reader, line, len);

	if (good && len <= LINE_LONGEST)
		return true;
	if (good)
		fault(reader, LINE_LONGEST,
		      "a line has at most 197 bytes; further values go into indented lines below");
	give_up_line(reader, *line == '[');
	return false;
}

/* The next line into reader->line, without its end and blanks before that. False: there is nothing in it, or it is bad. */
static bool fetch_line(struct reader *reader)
{
	const char *line = reader->at, *newline = memchr(line, '\n', (size_t)(reader->end - line));
	size_t i = 0, len = (size_t)((newline ? newline : reader->end) - line);

	reader->at = newline ? newline + 1 : reader->end;
	reader->number++;
	if (len && line[len - 1] == '\r')
		len--;
	while (len && is_blank(line[len - 1]))
		len--;
	while (i < len && is_blank(line[i]))
		i++;
	if (i == len)
		return false;
	if (line[i] == '#' || line[i] == ';') {
		/* Where lines end in a bare CR, a comment would be all that follows. */
		check_controls(reader, line, len);
		return false;
	}
	if (!check_line(reader, line, len))
		return false;
	memcpy(reader->line, line, len);
	reader->line[len] = '\0';
	return true;
}

/* As fgets(). Each line fits: were there less room than inih is known for, the rest would become a line of its own. */
static char *give_line(char *out, int size, void *data)
{
	struct reader *reader = data;

	if (reader->awaited)
		misread(reader);
	if (reader->at == reader->end || reader->failed || size < 2)
		return NULL;
	out[0] = '\n';
	out[1] = '\0';
	if (!fetch_line(reader) || !take_line(reader))
		return out;
	if (strlen(reader->line) + 2 > (size_t)size) {
		misread(reader);
		return out;
	}
	snprintf(out, (size_t)size, "%s\n", reader->line);
	return out;
}

static int put_from(struct reader *reader, const char *key, const char *value, struct ipc_rule_place *place)
{
	struct ipc_buf why = {0};
	int r = ipc_rule_put(current(reader), key, value, place->end, &why, place);

	if (r == -EINVAL)
		fault(reader, place->key ? 0 : reader->value + place->at, why.data);
	else if (r)
		reader->failed = true;
	ipc_buf_release(&why);
	return r;
}

/* One fault for each word that is wrong. */
static void put(struct reader *reader, const char *key, const char *value)
{
	struct ipc_rule_place place = {0};
	int r = put_from(reader, key, value, &place);

	while (r == -EINVAL && value[place.end + strspn(value + place.end, BLANKS)])
		r = put_from(reader, key, value, &place);
	reader->ignores_key = place.key;
}

static int take_pair(void *data, const char *section, const char *key, const char *value
#if INI_HANDLER_LINENO
		     ,
		     int line
#endif
)
{
	struct reader *reader = data;

#if INI_HANDLER_LINENO
	(void)line;
#endif
	if (!key || reader->failed)
		return 1; /* some builds tell of sections */
	if (!reader->awaited || !value || (!reader->unseen && strcmp(section, current(reader)->name) != 0) ||
	    strcmp(value, reader->line + reader->value) != 0) {
		misread(reader);
		return 1;
	}
	reader->awaited = false;
	put(reader, key, value);
	return 1;
}

/* ---- all of a file ----------------------------------------------------------------------------------------------- */

bool ipc_policy_built(void)
{
	return true;
}

static int hand_over(struct reader *reader)
{
	size_t i;
	int r = reader->failed ? -ENOMEM : reader->faulty ? -EINVAL : 0;

	for (i = 0; i < reader->rule_count; i++) {
		if (r == 0)
			r = ipc_policy_add(reader->policy, &reader->rules[i]);
		ipc_rule_release(&reader->rules[i]);
	}
	free(reader->rules);
	ipc_idset_release(&reader->names);
	return r;
}

int ipc_policy_parse(struct ipc_policy *policy, const char *file, const char *text, size_t len)
{
	struct reader reader = {.policy = policy, .file = file, .at = text, .end = text + len};
	size_t before = policy->fault_count;
	int r;

	/* The mark that some editors begin a file with. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		reader.at += 3;
	r = ini_parse_stream(give_line, &reader, take_pair, &reader);
	finish_rule(&reader);
	if (r < 0)
		reader.failed = true;
	else if (r > 0 && !reader.faulty)
		add_fault(&reader, (unsigned)r, 0, "the INI library of this host refuses this line");
	if (policy->fault_count > before)
		qsort(policy->faults + before, policy->fault_count - before, sizeof(*policy->faults), by_place);
	return hand_over(&reader);
}
