/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can stand at one place of a command line: candidates, offered one by one. */
#ifndef CMD_COMPLETE_H
#define CMD_COMPLETE_H

#include "options.h"

struct completion {
	struct text *out;
	const struct command *command; /* NULL: the command is being typed */
	const char *typed;             /* of the word, what a candidate must begin with */
	const char *head;              /* before it: what a candidate repeats, "--sort=" or "ref,size," */
	size_t head_length;
	const char **operands;              /* of the command, the word being completed left out */
	int operand_count, operands_before; /* the word being completed */
	size_t references;
};

/* Offer @candidate if it begins as what was typed. @description may be NULL. */
void completion_offer(struct completion *completion, const char *candidate, const char *description);
/* What stands before position @at of the word is repeated by each candidate. */
void completion_keep(struct completion *completion, size_t at);
/* What its form tells of an argument: "USER|UID". */
void completion_offer_form(struct completion *completion, const char *form);
/* What may follow @option. */
void completion_offer_argument(struct completion *completion, const struct poptOption *option);
/* What may stand where no option is. */
void completion_offer_operands(struct completion *completion);

#endif
