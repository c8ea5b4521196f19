/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each kind says about its verbs: an operation or a sentence for each, and settings that are in the table. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ipctool/clean.h>

#include "classes/change.h"
#include "classes/contents.h"

#define SENTENCE_MIN 20
#define SENTENCE_MAX 200
#define HELP_MAX 300 /* of what `help` says about a dump */

/* For each kind; what @check finds wrong it says by fail_msg(). */
static void for_each_kind(void (*check)(const struct ipc_kind *kind, const struct ipc_changes *changes))
{
	const struct ipc_kind *kind = NULL;
	size_t count = 0;

	while ((kind = ipc_kind_next(kind))) {
		if (!kind->changes || !kind->contents)
			fail_msg("%s/%s has no changes or no contents", kind->cls->name, kind->name);
		check(kind, kind->changes);
		count++;
	}
	assert_true(count >= 24);
}

static void wrong(const struct ipc_kind *kind, enum ipc_verb verb, const char *what)
{
	fail_msg("%s of %s/%s: %s", ipc_verb_name(verb), kind->cls->name, kind->name, what);
}

/* Why @kind has not @verb; NULL when it has. What cannot be cleaned has one sentence for all kinds. */
static const char *refusal(const struct ipc_kind *kind, enum ipc_verb verb)
{
	const char *why = NULL;

	if (verb == IPC_VERB_DUMP)
		return kind->contents->refuse;
	if (verb == IPC_VERB_CLEAN && !kind->waste)
		ipc_kind_has(kind, verb, &why);
	return verb == IPC_VERB_CLEAN ? why : kind->changes->refuse[verb];
}

static bool has_operation(const struct ipc_kind *kind, enum ipc_verb verb)
{
	const struct ipc_changes *changes = kind->changes;

	switch (verb) {
	case IPC_VERB_DUMP:
		return kind->contents->dump;
	case IPC_VERB_CREATE:
		return changes->create;
	case IPC_VERB_SET:
		return changes->set;
	case IPC_VERB_SEND:
		return changes->open && changes->send;
	case IPC_VERB_RECEIVE:
		return changes->open && changes->receive;
	case IPC_VERB_POST:
		return changes->post;
	case IPC_VERB_WAIT:
		return changes->wait;
	case IPC_VERB_REMOVE:
		return changes->remove;
	case IPC_VERB_CLEAN:
		return kind->waste && changes->remove;
	default:
		return false;
	}
}

/* ---- verbs ------------------------------------------------------------------------------------------------------- */

static void verb_names(void **state)
{
	static const char *const names[] = {"dump", "create", "set",    "send", "receive",
					    "post", "wait",   "remove", "clean"};
	size_t i;

	(void)state;
	assert_int_equal(IPC_VERBS, sizeof(names) / sizeof(names[0]));
	for (i = 0; i < IPC_VERBS; i++)
		assert_string_equal(ipc_verb_name((enum ipc_verb)i), names[i]);
}

static void check_answers(const struct ipc_kind *kind, const struct ipc_changes *changes)
{
	const char *why;
	int i;

	for (i = 0; i < IPC_VERBS; i++) {
		enum ipc_verb verb = (enum ipc_verb)i;

		why = "untouched";
		if (ipc_kind_has(kind, verb, &why) != ipc_kind_has(kind, verb, NULL))
			wrong(kind, verb, "two answers");
		if (ipc_kind_has(kind, verb, &why) != !why || why != refusal(kind, verb))
			wrong(kind, verb, "an answer without its sentence, or a sentence without need");
		if (has_operation(kind, verb) != !refusal(kind, verb))
			wrong(kind, verb,
			      refusal(kind, verb) ? "refused, and has an operation" : "no operation and no sentence");
	}
	if (changes->refuse[IPC_VERB_DUMP])
		wrong(kind, IPC_VERB_DUMP, "refused in the table of changes, which nobody reads");
	if (changes->refuse[IPC_VERB_CLEAN])
		wrong(kind, IPC_VERB_CLEAN, "refused in the table of changes, which nobody reads");
	if (kind->contents->refuse && (kind->contents->needs || kind->contents->takes))
		wrong(kind, IPC_VERB_DUMP, "refused, and needs or takes something");
	/* What opens a port is there for one of its directions. */
	if (changes->open && !changes->send && !changes->receive)
		wrong(kind, IPC_VERB_SEND, "opened for nothing");
}

static void operation_or_sentence(void **state)
{
	(void)state;
	for_each_kind(check_answers);
}

/* "FIFO" and names of programs in quotes begin as they do; any other word in lower case. */
static bool begins_well(const char *text)
{
	return islower((unsigned char)text[0]) || (isupper((unsigned char)text[0]) && isupper((unsigned char)text[1]));
}

/* A sentence in help and messages: begun by the program, and ended by it. */
static void check_sentence(const struct ipc_kind *kind, enum ipc_verb verb, const char *text, size_t most)
{
	size_t len = strlen(text);
	const char *at;

	if (len < SENTENCE_MIN || len > most)
		wrong(kind, verb, "too short or too long");
	if (!begins_well(text))
		wrong(kind, verb, "begins with a capital, or no letter");
	if (strchr(".!;,: ", text[len - 1]))
		wrong(kind, verb, "ends with a full stop or the like");
	if (strstr(text, "  ") || strstr(text, "not there yet") || strstr(text, "TODO"))
		wrong(kind, verb, "unfinished");
	for (at = text; *at; at++)
		if (!isprint((unsigned char)*at) || *at == '\\')
			wrong(kind, verb, "a byte that would be escaped");
}

static void check_sentences(const struct ipc_kind *kind, const struct ipc_changes *changes)
{
	int i;

	(void)changes;
	for (i = 0; i < IPC_VERBS; i++)
		if (refusal(kind, (enum ipc_verb)i))
			check_sentence(kind, (enum ipc_verb)i, refusal(kind, (enum ipc_verb)i), SENTENCE_MAX);
}

/* What can be dumped says how, what that takes and what it disturbs. */
static void check_help(const struct ipc_kind *kind, const struct ipc_changes *changes)
{
	struct ipc_dump_help help = {"untouched", "untouched", "untouched"};
	bool dumps = ipc_kind_has(kind, IPC_VERB_DUMP, NULL);
	const char *const *texts[] = {&help.read, &help.privilege, &help.disturbs};
	size_t i;

	(void)changes;
	if (ipc_kind_dump_help(kind, &help) != dumps)
		wrong(kind, IPC_VERB_DUMP, "help without need, or none");
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!*texts[i])
			wrong(kind, IPC_VERB_DUMP, "a sentence of its help is missing");
		else if (!dumps)
			assert_string_equal(*texts[i], "untouched");
		else if (strcmp(*texts[i], "nothing") != 0)
			check_sentence(kind, IPC_VERB_DUMP, *texts[i], HELP_MAX);
	}
	if (!dumps && ipc_kind_dump_takes(kind))
		wrong(kind, IPC_VERB_DUMP, "refused, and takes something");
}

static void dump_help(void **state)
{
	(void)state;
	for_each_kind(check_help);
}

/* What can be cleaned says what the proof is, who is on record, and how far that leads. */
static void check_proof(const struct ipc_kind *kind, const struct ipc_changes *changes)
{
	struct ipc_proof proof = {NULL, NULL, NULL};

	(void)changes;
	if (ipc_kind_proof(kind, &proof) != ipc_kind_has(kind, IPC_VERB_CLEAN, NULL))
		wrong(kind, IPC_VERB_CLEAN, "a proof without need, or none");
	if (!kind->waste) {
		if (proof.unused || proof.users || proof.best)
			wrong(kind, IPC_VERB_CLEAN, "cannot be garbage, and says how it is proven");
		return;
	}
	check_sentence(kind, IPC_VERB_CLEAN, proof.unused, HELP_MAX);
	check_sentence(kind, IPC_VERB_CLEAN, proof.users, HELP_MAX);
	if (strcmp(proof.best, "orphan") != 0 && strcmp(proof.best, "suspect") != 0)
		wrong(kind, IPC_VERB_CLEAN, "at best another state");
	/* Without proof nothing is more than suspect. */
	if (!strncmp(proof.unused, "none", 4) != !strcmp(proof.best, "suspect"))
		wrong(kind, IPC_VERB_CLEAN, "a state that its proof does not carry");
}

static void proofs(void **state)
{
	(void)state;
	for_each_kind(check_proof);
}

static void sentences(void **state)
{
	(void)state;
	for_each_kind(check_sentences);
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static unsigned all_bits(void)
{
	const struct ipc_setting *setting = NULL;
	unsigned bits = 0;

	while ((setting = ipc_setting_next(setting)))
		bits |= setting->bit;
	return bits;
}

static void check_creation(const struct ipc_kind *kind, const struct ipc_changes *changes)
{
	bool creates = !changes->refuse[IPC_VERB_CREATE];

	if (creates != (changes->creates_by || changes->creates_unnamed))
		wrong(kind, IPC_VERB_CREATE, creates ? "nothing says how" : "refused, and says how");
	if (!creates && (changes->create_takes || changes->create_needs || changes->creation_example))
		wrong(kind, IPC_VERB_CREATE, "refused, and takes settings");
	if (changes->create_needs & ~changes->create_takes)
		wrong(kind, IPC_VERB_CREATE, "needs what it does not take");
	if (changes->create_takes & ~all_bits())
		wrong(kind, IPC_VERB_CREATE, "takes a setting that there is not");
	/* What a reference may be made of must also be one that finds such objects again. */
	if (kind->locators && changes->creates_by & ~kind->locators)
		wrong(kind, IPC_VERB_CREATE, "made by a reference that does not find it");
}

static void check_setting(const struct ipc_kind *kind, const struct ipc_changes *changes)
{
	bool sets = !changes->refuse[IPC_VERB_SET];

	if (sets != (changes->set_takes != 0))
		wrong(kind, IPC_VERB_SET, sets ? "nothing can be set" : "refused, and takes settings");
	if (changes->set_takes & ~all_bits())
		wrong(kind, IPC_VERB_SET, "takes a setting that there is not");
}

static void creation(void **state)
{
	(void)state;
	for_each_kind(check_creation);
}

static void setting(void **state)
{
	(void)state;
	for_each_kind(check_setting);
}

/* A key may be given as such or as a file; who takes one takes the other. Who has an owner has a mode and a group. */
static void check_pairs(const struct ipc_kind *kind, const struct ipc_changes *changes)
{
	const unsigned takes[] = {changes->create_takes, changes->set_takes};
	const unsigned key = IPC_SET_KEY | IPC_SET_FTOK;
	size_t i;

	for (i = 0; i < 2; i++) {
		if ((takes[i] & key) && (takes[i] & key) != key)
			wrong(kind, i ? IPC_VERB_SET : IPC_VERB_CREATE, "one of key and ftok");
		if ((takes[i] & IPC_SET_PERMS) && (takes[i] & IPC_SET_PERMS) != IPC_SET_PERMS)
			wrong(kind, i ? IPC_VERB_SET : IPC_VERB_CREATE, "some of mode, owner and group");
	}
	if (changes->set_takes & key)
		wrong(kind, IPC_VERB_SET, "a key cannot be changed");
}

static void pairs(void **state)
{
	(void)state;
	for_each_kind(check_pairs);
}

static void the_table(void **state)
{
	const struct ipc_setting *setting = NULL;
	char names[512], *word, *rest = names;
	unsigned seen = 0;
	size_t i = 0;

	(void)state;
	ipc_settings_names(all_bits(), names, sizeof(names));
	while ((setting = ipc_setting_next(setting))) {
		assert_int_equal(setting->bit, 1u << i++);
		assert_int_equal(seen & setting->bit, 0);
		seen |= setting->bit;
		assert_non_null(setting->parse);
		assert_true(ipc_setting_help(setting)[0] && ipc_setting_form(setting)[0]);
		/* Bits and names in the same order. */
		word = strsep(&rest, ",");
		assert_non_null(word);
		assert_string_equal(word + strspn(word, " "), ipc_setting_name(setting));
	}
	assert_null(rest);
	assert_int_equal(seen, IPC_SET_BACKLOG | (IPC_SET_BACKLOG - 1));
}

/* A setting that nothing takes is an option that can only fail. */
static void every_setting_is_taken(void **state)
{
	const struct ipc_setting *setting = NULL;
	const struct ipc_kind *kind;

	(void)state;
	while ((setting = ipc_setting_next(setting))) {
		bool taken = false;

		for (kind = NULL; (kind = ipc_kind_next(kind));)
			taken |= ipc_kind_takes(kind, IPC_VERB_CREATE, setting) ||
				 ipc_kind_takes(kind, IPC_VERB_SET, setting);
		if (!taken)
			fail_msg("no kind takes %s", ipc_setting_name(setting));
	}
}

/* The field that shows a setting is one of each kind that takes it: `set` prints it, --exist-ok compares it. */
static void check_fields(const struct ipc_kind *kind, const struct ipc_changes *changes)
{
	const struct ipc_setting *setting = NULL;

	(void)changes;
	while ((setting = ipc_setting_next(setting))) {
		const char *field = ipc_setting_field(setting);

		if (!field)
			continue;
		if (!ipc_kind_takes(kind, IPC_VERB_CREATE, setting) && !ipc_kind_takes(kind, IPC_VERB_SET, setting))
			continue;
		if (!ipc_record_find(kind->cls->record, field))
			fail_msg("%s/%s takes %s, and has no field %s", kind->cls->name, kind->name, setting->name,
				 field);
	}
}

static void fields(void **state)
{
	(void)state;
	for_each_kind(check_fields);
}

/* Only create and set have settings. */
static void check_other_verbs(const struct ipc_kind *kind, const struct ipc_changes *changes)
{
	const struct ipc_setting *setting = NULL;
	int i;

	while ((setting = ipc_setting_next(setting))) {
		for (i = IPC_VERB_SEND; i < IPC_VERBS; i++)
			if (ipc_kind_takes(kind, (enum ipc_verb)i, setting))
				wrong(kind, (enum ipc_verb)i, "takes a setting");
		if (ipc_kind_takes(kind, IPC_VERB_CREATE, setting) != !!(changes->create_takes & setting->bit) ||
		    ipc_kind_takes(kind, IPC_VERB_SET, setting) != !!(changes->set_takes & setting->bit))
			wrong(kind, IPC_VERB_SET, "another answer than its table");
	}
}

static void other_verbs(void **state)
{
	(void)state;
	for_each_kind(check_other_verbs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verb_names),  cmocka_unit_test(operation_or_sentence),
		cmocka_unit_test(sentences),   cmocka_unit_test(dump_help),
		cmocka_unit_test(proofs),      cmocka_unit_test(creation),
		cmocka_unit_test(setting),     cmocka_unit_test(pairs),
		cmocka_unit_test(the_table),   cmocka_unit_test(fields),
		cmocka_unit_test(other_verbs), cmocka_unit_test(every_setting_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
