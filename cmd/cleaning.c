/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cleaning under way: what it takes before the first object goes, before each, and after the last. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleaning.h"
#include "message.h"

/* ---- before an object goes ------------------------------------------------------------------------------------------ */

static const char *refuse(struct cleaning *cleaning, enum code code, const char *what, const char *why)
{
	cleaning->unsaved = code;
	text_clear(&cleaning->why);
	text_format(&cleaning->why, "%s: %s", what, why);
	return text_cstr(&cleaning->why);
}

static const char *keep_contents(struct cleaning *cleaning, const struct ipc_object *object)
{
	struct archive *archive = cleaning->archive;

	switch (archive ? archive_keep(archive, object) : CODE_DONE) {
	case CODE_DONE:
		return NULL;
	case CODE_REFUSED:
	case CODE_MISSING:
		return archive_why(archive); /* used or gone by now, which is no failure */
	default:
		return refuse(cleaning, CODE_FAILED, "its contents could not be saved", archive_why(archive));
	}
}

/* The next one would not fare better. */
static const char *refuse_unrecorded(struct cleaning *cleaning, const char *why)
{
	cleaning->broken = true;
	return refuse(cleaning, CODE_FAILED, "its removal could not be recorded", why);
}

static const char *before(const struct ipc_object *object, void *data)
{
	struct cleaning *cleaning = data;
	const char *why;

	if (ending_come(&cleaning->ending))
		return "a signal ended the cleaning";
	if (cleaning->broken)
		return "removals cannot be recorded any more";
	why = journal_prepare(cleaning->journal, object);
	if (why)
		return refuse_unrecorded(cleaning, why);
	why = keep_contents(cleaning, object);
	if (why)
		return why;
	/* Last of all: whoever is killed from here on has told of it. */
	why = journal_announce(cleaning->journal, object, archive_kept(cleaning->archive));
	return why ? refuse_unrecorded(cleaning, why) : NULL;
}

/* ---- beginning ------------------------------------------------------------------------------------------------------ */

/* The message was given: what JSON says of it. */
static void not_begun(struct cleaning *cleaning, enum code code, const char *what, const char *why)
{
	outcome_add(&cleaning->outcome, code, what, code == CODE_REFUSED ? EBUSY : 0, why);
}

/*
 * From now on a signal ends it between two objects: a record or a document would be cut off in the middle. Without them
 * it may end at once.
 */
static void hold_signals(struct cleaning *cleaning)
{
	/* The end of a reader is no reason to stop half-way. */
	(void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	if (!cleaning->how.apply && !cleaning->document)
		return;
	ending_hold(&cleaning->ending);
	cleaning->app->out.ending = &cleaning->ending;
}

static bool begin_journal(struct cleaning *cleaning)
{
	enum code code;

	cleaning->journal = journal_open(cleaning->app, cleaning->log, !cleaning->no_syslog, &code);
	if (code) {
		not_begun(cleaning, code, "log", "removals could not be recorded");
		return false;
	}
	/* Whoever closes any descriptor of a file loses his locks on it. */
	if (journal_is_file(cleaning->journal, cleaning->runlock.fd)) {
		complain(cleaning->app, "--log", "'%s' is the file of the lock as well; name another one",
			 cleaning->log);
		not_begun(cleaning, CODE_USAGE, "log", "it is the file of the lock");
		return false;
	}
	journal_want(cleaning->query);
	return true;
}

static bool begin(struct cleaning *cleaning)
{
	enum code code = CODE_DONE;

	if (!cleaning->how.apply)
		return true;
	code = runlock_take(&cleaning->runlock, cleaning->app, cleaning->lock);
	if (code) {
		not_begun(cleaning, code, "lock",
			  code == CODE_REFUSED ? "another cleaning holds it" : "it could not be taken");
		return false;
	}
	if (!begin_journal(cleaning))
		return false;
	if (!cleaning->save)
		return true;
	cleaning->archive = archive_create(cleaning->app, cleaning->save, &cleaning->ending, &code);
	if (code)
		not_begun(cleaning, code, "save", "contents could not be saved there");
	else
		archive_want(cleaning->query);
	return !code;
}

/* ---- ending --------------------------------------------------------------------------------------------------------- */

static void close_records(struct cleaning *cleaning)
{
	enum code of_archive = archive_close(cleaning->archive);
	enum code of_journal = cleaning->journal ? journal_close(cleaning->journal) : CODE_DONE;

	cleaning->archive = NULL;
	cleaning->journal = NULL;
	if (of_archive)
		outcome_add(&cleaning->outcome, of_archive, "save", 0, "not all of it could be written");
	if (of_journal || cleaning->broken)
		outcome_add(&cleaning->outcome, of_journal ? of_journal : CODE_FAILED, "log", 0,
			    "not all removals could be recorded");
}

/* @result: of ipc_query_clean(). */
static void report(struct cleaning *cleaning, int result)
{
	if (result == CLEANING_BROKEN)
		return;
	if (result < 0)
		findings_failure(cleaning->app, -result, &cleaning->outcome);
	else
		findings_report(cleaning->app, cleaning->query, &cleaning->rules, &cleaning->outcome);
	cleaning->unseen = result == 0 && !cleaning->outcome.complete;
	if (result > 0)
		findings_interruption(cleaning->app, cleaning->removed, &cleaning->outcome);
}

/* Between two objects: a signal may end it, and who watches wants to see something. */
static int step(uint64_t looked, uint64_t found, void *data)
{
	struct cleaning *cleaning = data;
	char line[128];

	if (!cleaning->quiet && progress_due(&cleaning->progress)) {
		snprintf(line, sizeof(line), "%" PRIu64 " looked at, %" PRIu64 " may go, %" PRIu64 " removed", looked,
			 found, cleaning->removed);
		progress_show(&cleaning->progress, line);
	}
	return ending_come(&cleaning->ending);
}

static int clean(struct cleaning *cleaning)
{
	int result;

	cleaning->how.tell = cleaning_tell;
	cleaning->how.before = before;
	cleaning->how.step = step;
	cleaning->how.data = cleaning;
	progress_begin(&cleaning->progress);
	result = ipc_query_clean(cleaning->query, &cleaning->how, &cleaning->done);
	progress_hide(&cleaning->progress);
	report(cleaning, result);
	return result;
}

int cleaning_run(struct cleaning *cleaning)
{
	bool begun;
	int result = 0;

	cleaning->at_once = isatty(cleaning->app->out.fd);
	hold_signals(cleaning);
	begun = begin(cleaning);
	if (cleaning->renderer && (begun || cleaning->document))
		cleaning->renderer->ops->begin(cleaning->renderer);
	if (begun)
		result = clean(cleaning);
	close_records(cleaning);
	if (begun || cleaning->document)
		cleaning_sum_up(cleaning);
	if (cleaning->how.apply)
		runlock_release(&cleaning->runlock);
	return result > 0 ? 128 + result : (int)cleaning->outcome.code;
}

void cleaning_release(struct cleaning *cleaning)
{
	if (cleaning->renderer)
		cleaning->renderer->ops->free(cleaning->renderer);
	ipc_query_free(cleaning->query);
	text_release(&cleaning->why);
	text_release(&cleaning->summary);
	outcome_release(&cleaning->outcome);
	free(cleaning->save);
	free(cleaning->log);
	free(cleaning->lock);
	/* Last of all: as others see a program that was interrupted, the signal does what it would have done. */
	output_flush(&cleaning->app->out);
	cleaning->app->out.ending = NULL;
	ending_release(&cleaning->ending);
}
