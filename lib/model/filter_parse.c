// SPDX-License-Identifier: LGPL-2.1-or-later
/* The grammar of filters: from text to tree. */
#include "model/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/filter_node.h"
#include "model/nearest.h"

/* Nesting by parentheses and "not" that is accepted, so that no expression can exhaust the stack. */
#define DEPTH_MAX 200

#define FIELD_MAX 64

int ipc_filter_complain(struct ipc_filter_parser *parser, const char *at, size_t len, const char *before,
			const char *after)
{
	struct ipc_bytes token = {at, len};

	if (ipc_buf_format(parser->why, "column %zu: %s", (size_t)(at - parser->text) + 1, before))
		return -ENOMEM;
	if (len && (ipc_buf_append(parser->why, "'", 1) || ipc_buf_escape(parser->why, token) ||
		    ipc_buf_append(parser->why, "'", 1)))
		return -ENOMEM;
	return ipc_buf_append(parser->why, after, strlen(after)) ? -ENOMEM : -EINVAL;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(char c)
{
	return c && !is_blank(c) && !strchr("\"'()!=<>&|", c);
}

struct symbol {
	const char *text;
	enum ipc_filter_token_kind kind;
	enum ipc_filter_op op;
	bool negate;
};

/* Longer ones first: the first that fits is taken. */
static const struct symbol symbols[] = {
	{"==", IPC_TOKEN_OP, IPC_FILTER_EQUAL, false},      {"!=", IPC_TOKEN_OP, IPC_FILTER_EQUAL, true},
	{"=~", IPC_TOKEN_OP, IPC_FILTER_MATCH, false},      {"!~", IPC_TOKEN_OP, IPC_FILTER_MATCH, true},
	{"<=", IPC_TOKEN_OP, IPC_FILTER_LESS_EQUAL, false}, {">=", IPC_TOKEN_OP, IPC_FILTER_GREATER_EQUAL, false},
	{"<", IPC_TOKEN_OP, IPC_FILTER_LESS, false},        {">", IPC_TOKEN_OP, IPC_FILTER_GREATER, false},
	{"&&", IPC_TOKEN_AND, IPC_FILTER_PRESENT, false},   {"||", IPC_TOKEN_OR, IPC_FILTER_PRESENT, false},
	{"!", IPC_TOKEN_NOT, IPC_FILTER_PRESENT, false},    {"(", IPC_TOKEN_OPEN, IPC_FILTER_PRESENT, false},
	{")", IPC_TOKEN_CLOSE, IPC_FILTER_PRESENT, false},
};

static int next_quoted(struct ipc_filter_parser *p)
{
	const char *end = p->at + 1;

	/* A backslash takes the next byte along, whatever it is: what it means is decided with the operator known. */
	while (*end && *end != *p->at)
		end += *end == '\\' && end[1] ? 2 : 1;
	if (!*end)
		return ipc_filter_complain(p, p->at, 0, "quote without an end", "");
	p->token = (struct ipc_filter_token){.kind = IPC_TOKEN_QUOTED, .at = p->at + 1};
	p->token.len = (size_t)(end - p->token.at);
	p->at = end + 1;
	return 0;
}

static bool token_is(const struct ipc_filter_token *token, const char *word)
{
	return token->len == strlen(word) && memcmp(token->at, word, token->len) == 0;
}

/* Move on to the next token. */
static int next(struct ipc_filter_parser *p)
{
	while (is_blank(*p->at))
		p->at++;
	p->token = (struct ipc_filter_token){.kind = IPC_TOKEN_END, .at = p->at};
	if (!*p->at)
		return 0;
	if (*p->at == '"' || *p->at == '\'')
		return next_quoted(p);
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		const struct symbol *symbol = &symbols[i];
		size_t len = strlen(symbol->text);

		if (strncmp(p->at, symbol->text, len) != 0)
			continue;
		p->token = (struct ipc_filter_token){symbol->kind, p->at, len, symbol->op, symbol->negate};
		p->at += len;
		return 0;
	}
	while (is_word(*p->at))
		p->at++;
	p->token.kind = IPC_TOKEN_WORD;
	p->token.len = (size_t)(p->at - p->token.at);
	if (!p->token.len)
		return ipc_filter_complain(p, p->at, 1, "no operator ", *p->at == '=' ? "; equality is ==" : "");
	if (token_is(&p->token, "and"))
		p->token.kind = IPC_TOKEN_AND;
	else if (token_is(&p->token, "or"))
		p->token.kind = IPC_TOKEN_OR;
	else if (token_is(&p->token, "not"))
		p->token.kind = IPC_TOKEN_NOT;
	return 0;
}

/* "expected WHAT", at the current token. */
static int expected(struct ipc_filter_parser *p, const char *what)
{
	int error;

	if (p->token.kind == IPC_TOKEN_END)
		error = ipc_filter_complain(p, p->token.at, 0, "the expression ends here; expected ", "");
	else
		error = ipc_filter_complain(p, p->token.at, p->token.len, "unexpected ", "; expected ");
	return ipc_buf_format(p->why, "%s", what) ? -ENOMEM : error;
}

/* ---- fields ------------------------------------------------------------------------------------------------------ */

/* Where a name is looked for: members of @record, or for NULL the fields of any kind. */
struct scope {
	const struct ipc_filter_parser *parser;
	const struct ipc_record *record;
};

static const struct ipc_field *scope_find(const struct scope *scope, const char *name, unsigned *needs)
{
	const struct ipc_field *field;

	if (!scope->record)
		return scope->parser->lookup(name, needs, scope->parser->data);
	field = ipc_record_find(scope->record, name);
	*needs = field ? field->needs : 0;
	return field;
}

static bool scope_knows(const char *name, void *data)
{
	unsigned needs;

	return scope_find(data, name, &needs) != NULL;
}

static int unknown_field(struct ipc_filter_parser *p, struct scope *scope, const char *at, size_t len, const char *name)
{
	int error = ipc_filter_complain(p, at, len, scope->record ? "no such member " : "unknown field ", "");
	char near[IPC_NEAREST_SIZE];

	if (ipc_nearest(name, scope_knows, scope, near) && ipc_buf_format(p->why, " (did you mean '%s'?)", near))
		return -ENOMEM;
	return error;
}

/* Resolve the dotted name that the current token is; *@last is the field that it ends at. */
static int parse_field(struct ipc_filter_parser *p, struct ipc_filter_term *test, const struct ipc_field **last)
{
	struct scope scope = {.parser = p};
	const char *at = p->token.at;
	const char *end = at + p->token.len;

	if (p->token.kind != IPC_TOKEN_WORD)
		return expected(p, "a field");
	for (;;) {
		const char *dot = memchr(at, '.', (size_t)(end - at));
		size_t len = (size_t)((dot ? dot : end) - at);
		unsigned needs = 0;
		char name[FIELD_MAX] = "";
		const struct ipc_field *field;

		/* Names of columns are in upper case, keys of JSON in lower case. */
		for (size_t i = 0; i < len && i + 1 < sizeof(name); i++)
			name[i] = (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] | 0x20 : at[i]);
		field = len && len < sizeof(name) ? scope_find(&scope, name, &needs) : NULL;
		if (!field)
			return len ? unknown_field(p, &scope, at, len, name)
				   : ipc_filter_complain(p, at, 0, "empty name", "");
		p->filter->needs |= needs;
		test->steps[test->step_count++].name = field->name;
		*last = field;
		if (!dot)
			return next(p);
		if (!ipc_type_has_members(field->type))
			return ipc_filter_complain(p, at, len, "", " has no members");
		if (test->step_count == IPC_FILTER_STEPS)
			return ipc_filter_complain(p, at, 0, "too many members of members", "");
		scope.record = field->of;
		at = dot + 1;
	}
}

/* FIELD or FIELD OP VALUE */
static int parse_test(struct ipc_filter_parser *p, struct ipc_filter_term *test)
{
	struct ipc_filter_token name = p->token;
	const struct ipc_field *field = NULL;
	int error = parse_field(p, test, &field);

	if (error || p->token.kind != IPC_TOKEN_OP)
		return error;
	test->op = p->token.op;
	test->negate = p->token.negate;
	if (test->op == IPC_FILTER_MATCH && field->type != IPC_TYPE_STRING && field->type != IPC_TYPE_STRINGS)
		return ipc_filter_complain(
			p, name.at, name.len, "",
			field->type == IPC_TYPE_RECORDS  ? " is a list of records; patterns match a member of it"
			: field->type == IPC_TYPE_RECORD ? " is a record; patterns match a member of it"
							 : " is no text; patterns match text alone");
	error = next(p);
	if (error)
		return error;
	if (p->token.kind != IPC_TOKEN_WORD && p->token.kind != IPC_TOKEN_QUOTED)
		return expected(p, "a value");
	error = ipc_filter_literal(p, &p->token, field->type, test);
	return error ? error : next(p);
}

/* ---- the grammar ------------------------------------------------------------------------------------------------- */

static int parse_or(struct ipc_filter_parser *p, struct ipc_filter_node **out);

static struct ipc_filter_node *new_node(struct ipc_filter_parser *p, enum ipc_filter_kind kind)
{
	struct ipc_filter_node *node = ipc_arena_alloc(&p->filter->arena, sizeof(*node));

	if (node)
		node->kind = kind;
	return node;
}

static int parse_unary(struct ipc_filter_parser *p, struct ipc_filter_node **out)
{
	enum ipc_filter_token_kind kind = p->token.kind;
	struct ipc_filter_node *node;
	int error;

	if (kind != IPC_TOKEN_NOT && kind != IPC_TOKEN_OPEN) {
		node = new_node(p, IPC_FILTER_TEST);
		if (node)
			node->test = ipc_arena_alloc(&p->filter->arena, sizeof(*node->test));
		if (!node || !node->test)
			return -ENOMEM;
		*out = node;
		return parse_test(p, node->test);
	}
	if (p->depth == DEPTH_MAX)
		return ipc_filter_complain(p, p->token.at, 0, "nested too deeply", "");
	p->depth++;
	error = next(p);
	if (!error && kind == IPC_TOKEN_NOT) {
		node = new_node(p, IPC_FILTER_NOT);
		error = node ? parse_unary(p, &node->first) : -ENOMEM;
		*out = node;
	} else if (!error) {
		error = parse_or(p, out);
		if (!error)
			error = p->token.kind == IPC_TOKEN_CLOSE ? next(p) : expected(p, "'and', 'or' or ')'");
	}
	p->depth--;
	return error;
}

/* ITEM {SEPARATOR ITEM}; a node only when there are several. */
static int parse_chain(struct ipc_filter_parser *p, enum ipc_filter_kind kind, enum ipc_filter_token_kind separator,
		       int (*parse_item)(struct ipc_filter_parser *, struct ipc_filter_node **),
		       struct ipc_filter_node **out)
{
	struct ipc_filter_node *chain = NULL;
	struct ipc_filter_node *item;
	struct ipc_filter_node **tail;
	int error = parse_item(p, out);

	while (!error && p->token.kind == separator) {
		if (!chain) {
			chain = new_node(p, kind);
			if (!chain)
				return -ENOMEM;
			chain->first = *out;
			tail = &chain->first->next;
			*out = chain;
		}
		error = next(p);
		if (!error)
			error = parse_item(p, &item);
		if (!error) {
			*tail = item;
			tail = &item->next;
		}
	}
	return error;
}

static int parse_and(struct ipc_filter_parser *p, struct ipc_filter_node **out)
{
	return parse_chain(p, IPC_FILTER_AND, IPC_TOKEN_AND, parse_unary, out);
}

static int parse_or(struct ipc_filter_parser *p, struct ipc_filter_node **out)
{
	return parse_chain(p, IPC_FILTER_OR, IPC_TOKEN_OR, parse_and, out);
}

int ipc_filter_parse(const char *text, ipc_filter_lookup lookup, void *data, struct ipc_filter **out,
		     struct ipc_buf *why)
{
	struct ipc_filter_parser p = {.text = text, .at = text, .lookup = lookup, .data = data, .why = why};
	int error;

	p.filter = calloc(1, sizeof(*p.filter));
	if (!p.filter)
		return -ENOMEM;
	error = next(&p);
	if (!error)
		error = parse_or(&p, &p.filter->root);
	if (!error && p.token.kind != IPC_TOKEN_END)
		error = expected(&p, "'and', 'or' or the end");
	if (error)
		ipc_filter_free(p.filter);
	else
		*out = p.filter;
	return error;
}
