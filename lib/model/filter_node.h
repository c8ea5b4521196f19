/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A parsed filter as its three files share it: the tree, and the parser's state. */
#ifndef IPC_MODEL_FILTER_NODE_H
#define IPC_MODEL_FILTER_NODE_H

#include <regex.h>

#include "model/arena.h"
#include "model/filter.h"

/* holders.comm is two steps, peers.holders.comm three. */
#define IPC_FILTER_STEPS 4

enum ipc_filter_op {
	IPC_FILTER_PRESENT, /* a field alone */
	IPC_FILTER_EQUAL,
	IPC_FILTER_LESS,
	IPC_FILTER_LESS_EQUAL,
	IPC_FILTER_GREATER,
	IPC_FILTER_GREATER_EQUAL,
	IPC_FILTER_MATCH,
};

/* One name of a dotted field, and where it was found last. */
struct ipc_filter_step {
	const char *name;
	const struct ipc_record *record;
	const struct ipc_field *field;
};

/* FIELD OP VALUE. */
struct ipc_filter_term {
	enum ipc_filter_op op;
	bool negate; /* != and !~ */
	bool count;  /* compares the number of entries */
	size_t step_count;
	struct ipc_filter_step steps[IPC_FILTER_STEPS];
	struct ipc_value value;
	regex_t pattern;              /* MATCH */
	struct ipc_filter_term *next; /* all that have a pattern, so that they can be freed */
};

enum ipc_filter_kind { IPC_FILTER_AND, IPC_FILTER_OR, IPC_FILTER_NOT, IPC_FILTER_TEST };

/* `a and b and c` is one node with three children: the tree is as deep as the expression is nested, not as long. */
struct ipc_filter_node {
	enum ipc_filter_kind kind;
	struct ipc_filter_node *first;
	struct ipc_filter_node *next; /* sibling */
	struct ipc_filter_term *test;
};

struct ipc_filter {
	struct ipc_arena arena;
	struct ipc_filter_node *root;
	struct ipc_filter_term *patterns;
	unsigned needs;
};

enum ipc_filter_token_kind {
	IPC_TOKEN_END,
	IPC_TOKEN_WORD,
	IPC_TOKEN_QUOTED, /* at and len without the quotes */
	IPC_TOKEN_OP,
	IPC_TOKEN_AND,
	IPC_TOKEN_OR,
	IPC_TOKEN_NOT,
	IPC_TOKEN_OPEN,
	IPC_TOKEN_CLOSE,
};

struct ipc_filter_token {
	enum ipc_filter_token_kind kind;
	const char *at;
	size_t len;
	enum ipc_filter_op op;
	bool negate;
};

struct ipc_filter_parser {
	const char *text;
	const char *at; /* behind `token` */
	struct ipc_filter_token token;
	struct ipc_filter *filter;
	ipc_filter_lookup lookup;
	void *data;
	unsigned depth;
	struct ipc_buf *why;
};

/* "column N: BEFORE'TOKEN'AFTER", or without the token when @len is 0. Returns -EINVAL (or -ENOMEM). */
int ipc_filter_complain(struct ipc_filter_parser *parser, const char *at, size_t len, const char *before,
			const char *after);
/* Read @token as what @test, whose last field has @type, is compared with. */
int ipc_filter_literal(struct ipc_filter_parser *parser, const struct ipc_filter_token *token, enum ipc_type type,
		       struct ipc_filter_term *test);

#endif
