/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `create --restore`: which objects of an archive are to be made again, and what came of each. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "manifest_index.h"
#include "message.h"
#include "remake.h"
#include "restore.h"
#include "results.h"
#include "vault.h"

#define MANIFEST_LARGEST ((size_t)256 << 20)

/* What became of one object. */
enum fate { FATE_MADE, FATE_REFUSED, FATE_LEFT_OUT, FATE_DENIED, FATE_FAILED };

static const char *const fate_names[] = {
	[FATE_MADE] = "made",     [FATE_REFUSED] = "refused", [FATE_LEFT_OUT] = "left-out",
	[FATE_DENIED] = "denied", [FATE_FAILED] = "failed",
};

struct job {
	struct app *app;
	const struct restore_order *order;
	int vault;
	struct manifest manifest;
	bool *chosen; /* of the manifest's entries */
	struct results results;
	struct ending ending;
	struct outcome outcome;
	size_t made;
	bool json;
};

/* ---- the manifest ------------------------------------------------------------------------------------------------ */

/* Returns 0 or a positive errno. */
static int read_all(int fd, size_t size, struct text *out)
{
	while (out->len < size) {
		ssize_t n = read(fd, text_reserve(out, size - out->len), size - out->len);

		if (n < 0 && errno != EINTR)
			return errno;
		if (n == 0)
			break;
		out->len += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static enum code fail(struct job *job, enum code code, int error, const char *why)
{
	complain(job->app, job->order->directory, "%s", why);
	outcome_add(&job->outcome, code, job->order->directory, error, why);
	return code;
}

static enum code fail_open(struct job *job, int error, const char *why)
{
	if (error == ENOENT)
		return fail(job, CODE_MISSING, error, "it has no manifest, so it is no archive");
	return fail(job, error == EINVAL ? CODE_FAILED : code_of_errno(error), error, why);
}

static enum code parse_manifest(struct job *job, const struct text *text)
{
	struct text why = {0};
	enum code code = CODE_DONE;

	text_string(&why, "its manifest cannot be understood: ");
	if (!manifest_parse(&job->manifest, text->data ? text->data : "", text->len, &why))
		code = fail(job, CODE_FAILED, 0, text_cstr(&why));
	else if (!job->manifest.count)
		code = fail(job, CODE_MISSING, 0, "it has no object: the dump was stopped before one was complete");
	else if (job->manifest.cut_off)
		fail(job, CODE_PARTIAL, 0,
		     "its manifest has no end: the dump was stopped, and its last object is missing");
	text_release(&why);
	return code;
}

static enum code read_manifest(struct job *job)
{
	struct text text = {0}, why = {0};
	struct stat st;
	int fd = vault_open_file(job->vault, MANIFEST_NAME, &st, &why), error = 0;
	enum code code;

	if (fd < 0) {
		code = fail_open(job, -fd, text_cstr(&why));
	} else if ((uint64_t)st.st_size > MANIFEST_LARGEST) {
		code = fail(job, CODE_FAILED, EFBIG, "its manifest is larger than any that was ever written");
	} else {
		error = read_all(fd, (size_t)st.st_size, &text);
		code = error ? fail(job, CODE_FAILED, error, strerror(error)) : parse_manifest(job, &text);
	}
	if (fd >= 0)
		close(fd);
	text_release(&text);
	text_release(&why);
	return code;
}

/* ---- which objects ----------------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' ^ 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The one spelling of a reference that manifests have: \xHH only where it must be. False when @text has another backslash. */
static bool respell(struct text *out, const char *text, bool literal)
{
	for (; *text; text++) {
		char byte = *text;

		if (byte == '\\' && !literal) {
			int high = text[1] == 'x' ? hex_digit(text[2]) : -1;
			int low = high < 0 ? -1 : hex_digit(text[3]);

			if (low < 0)
				return false;
			byte = (char)(high << 4 | low);
			text += 3;
		}
		text_escaped(out, (struct ipc_bytes){&byte, 1});
	}
	return true;
}

static void choose_one(struct job *job, const struct manifest_index *index, const char *operand)
{
	struct text spelled = {0};
	const char *why = NULL;
	enum code code = CODE_USAGE;

	if (!respell(&spelled, operand, job->order->literal)) {
		why = "a backslash is written \\x5c; --literal takes references as they stand";
	} else if (!manifest_index_choose(index, text_cstr(&spelled), job->chosen)) {
		why = "the archive has no such object";
		code = CODE_MISSING;
	}
	if (why) {
		complain(job->app, operand, "%s", why);
		outcome_add(&job->outcome, code, operand, 0, why);
	}
	text_release(&spelled);
}

static void choose(struct job *job)
{
	const struct operands *references = job->order->references;
	struct manifest_index *index;
	int i;

	job->chosen = xcalloc(job->manifest.count, sizeof(*job->chosen));
	if (!references->count) {
		memset(job->chosen, true, job->manifest.count * sizeof(*job->chosen));
		return;
	}
	index = manifest_index_new(&job->manifest);
	for (i = 0; i < references->count; i++)
		choose_one(job, index, references->items[i]);
	manifest_index_free(index);
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void tell_json(struct job *job, struct remade *remade, enum fate fate)
{
	struct results *results = &job->results;

	results_open(results);
	results_string(results, "object", remade->entry->object);
	results_string(results, "kind", remade->entry->kind);
	results_string(results, "result", fate_names[fate]);
	results_string(results, "ref", remade->reference.len ? text_cstr(&remade->reference) : NULL);
	results_string(results, "why", remade->why.len ? text_cstr(&remade->why) : NULL);
	results_string(results, "note", remade->note.len ? text_cstr(&remade->note) : NULL);
	results_close(results);
}

static void tell_plain(struct job *job, struct remade *remade)
{
	struct text *out = &job->app->out.text;

	text_safe(out, remade->entry->object);
	text_string(out, " -> ");
	text_safe(out, text_cstr(&remade->reference));
	text_char(out, '\n');
}

static enum code code_of(enum fate fate)
{
	switch (fate) {
	case FATE_MADE:
		return CODE_DONE;
	case FATE_REFUSED:
		return CODE_REFUSED;
	case FATE_LEFT_OUT:
		return CODE_PARTIAL;
	case FATE_DENIED:
		return CODE_DENIED;
	default:
		return CODE_FAILED;
	}
}

static enum fate fate_of(const struct remade *remade, int error)
{
	if (!error)
		return FATE_MADE;
	if (remade->left_out)
		return FATE_LEFT_OUT;
	switch (code_of_errno(-error)) {
	case CODE_REFUSED:
		return FATE_REFUSED;
	case CODE_DENIED:
		return FATE_DENIED;
	default:
		return FATE_FAILED;
	}
}

static void tell(struct job *job, struct remade *remade, int error)
{
	enum fate fate = fate_of(remade, error);
	const char *object = remade->entry->object;

	if (error) {
		complain(job->app, object, "%s%s", remade->left_out ? "left out: " : "", text_cstr(&remade->why));
		outcome_add(&job->outcome, code_of(fate), object, -error, text_cstr(&remade->why));
	} else if (remade->note.len) {
		complain(job->app, object, "made, but %s", text_cstr(&remade->note));
		outcome_add(&job->outcome, CODE_PARTIAL, object, 0, text_cstr(&remade->note));
	}
	job->made += !error;
	if (job->json)
		tell_json(job, remade, fate);
	else if (!error)
		tell_plain(job, remade);
	/* A new object that nobody was told of would be lost. */
	if (!output_flush(&job->app->out) && !error)
		complain(job->app, object, "was made as %s, but standard output did not take this",
			 text_cstr(&remade->reference));
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static void restore_one(struct job *job, const struct manifest_entry *entry)
{
	struct remade remade = {.app = job->app,
				.vault = job->vault,
				.entry = entry,
				.parents = job->order->parents,
				.ending = &job->ending};

	tell(job, &remade, remake(&remade));
	remade_release(&remade);
}

static void say_interrupted(struct job *job)
{
	struct text why = {0};

	text_format(&why, "interrupted: %zu made", job->made);
	complain(job->app, NULL, "%s", text_cstr(&why));
	outcome_add(&job->outcome, CODE_FAILED, "create", EINTR, text_cstr(&why));
	text_release(&why);
}

/* Returns the signal that ended it early, or 0. */
static int restore_chosen(struct job *job)
{
	int signal = 0;
	size_t i;

	choose(job);
	for (i = 0; i < job->manifest.count && !signal; i++) {
		if (job->chosen[i])
			restore_one(job, &job->manifest.entries[i]);
		job->ending.looked = 0; /* each object may take long */
		signal = ending_come(&job->ending);
	}
	if (signal)
		say_interrupted(job);
	return signal;
}

static int restore_all(struct job *job)
{
	int signal = 0;

	ending_hold(&job->ending);
	job->app->out.ending = &job->ending;
	(void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	if (job->json)
		results_begin(&job->results, "results");
	if (!read_manifest(job))
		signal = restore_chosen(job);
	job->outcome.complete = !job->outcome.code;
	if (job->json)
		results_end(&job->results, &job->outcome);
	output_flush(&job->app->out); /* a signal ends the program in a moment */
	job->app->out.ending = NULL;
	ending_release(&job->ending);
	return signal ? 128 + signal : (int)job->outcome.code;
}

int restore_run(struct app *app, const struct restore_order *order)
{
	struct job job = {.app = app,
			  .order = order,
			  .json = order->presentation->format != FORMAT_PLAIN,
			  .results = {.out = &app->out, .lines = order->presentation->format == FORMAT_JSON_LINES}};
	enum code code = CODE_DONE;
	int result;

	if (app_context(app))
		return CODE_FAILED;
	job.vault = vault_open(app, order->directory, NULL, &code);
	if (job.vault < 0)
		return (int)code;
	result = restore_all(&job);
	close(job.vault);
	free(job.chosen);
	manifest_release(&job.manifest);
	outcome_release(&job.outcome);
	return result;
}
