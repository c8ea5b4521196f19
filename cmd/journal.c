/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record of removals. */
#include <stdlib.h>
#include <syslog.h>

#include "journal.h"
#include "journal_file.h"
#include "journal_line.h"
#include "message.h"

struct journal {
	struct app *app;
	bool syslog;
	char *path; /* of the file; NULL: none */
	struct journal_file file;
	struct text by, line, why;
	bool failed; /* something could not be recorded */
};

static struct journal *release(struct journal *journal)
{
	if (journal->syslog)
		closelog();
	text_release(&journal->by);
	text_release(&journal->line);
	text_release(&journal->why);
	free(journal->path);
	free(journal);
	return NULL;
}

struct journal *journal_open(struct app *app, const char *file, bool syslog, enum code *code)
{
	struct journal *journal = xcalloc(1, sizeof(*journal));

	*code = CODE_DONE;
	*journal = (struct journal){.app = app, .syslog = syslog, .file.fd = -1};
	if (file) {
		journal->path = xstrdup(file);
		*code = journal_file_open(&journal->file, app, file);
	}
	if (*code) {
		journal->syslog = false;
		(void)journal_file_close(&journal->file);
		return release(journal);
	}
	/* Now: later it might not be this program's root or namespace any more. */
	if (syslog)
		openlog("ipctool", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	journal_line_by(&journal->by);
	return journal;
}

void journal_want(struct ipc_query *query)
{
	journal_line_want(query);
}

const char *journal_prepare(struct journal *journal, const struct ipc_object *object)
{
	int error;

	if (!journal->path)
		return NULL;
	text_clear(&journal->line);
	journal_line_json(&journal->line, object, &journal->by, NULL);
	error = journal_file_reserve(&journal->file, journal->line.len + JOURNAL_LINE_GROWS);
	if (!error)
		return NULL;
	text_clear(&journal->why);
	text_format(&journal->why, "%s: %s", journal->path, strerror(error));
	return text_cstr(&journal->why);
}

static bool append(struct journal *journal, const struct ipc_object *object, const char *saved)
{
	int error;

	text_clear(&journal->line);
	journal_line_json(&journal->line, object, &journal->by, saved);
	error = journal_file_append(&journal->file, &journal->line);
	if (!error)
		return true;
	journal->failed = true;
	journal->line.len--; /* its newline */
	complain(journal->app, journal->path,
		 "cannot be written: %s; so nothing more is removed. The line that is missing: %s", strerror(error),
		 text_cstr(&journal->line));
	return false;
}

bool journal_removed(struct journal *journal, const struct ipc_object *object, const char *saved)
{
	bool good = !journal->path || append(journal, object, saved);

	if (journal->syslog) {
		text_clear(&journal->line);
		journal_line_plain(&journal->line, object);
		syslog(LOG_NOTICE, "%s", text_cstr(&journal->line));
	}
	return good;
}

enum code journal_close(struct journal *journal)
{
	enum code code;
	int error;

	if (!journal)
		return CODE_DONE;
	error = journal_file_close(&journal->file);
	if (error) {
		complain(journal->app, journal->path, "its last lines may not be on disk: %s", strerror(error));
		journal->failed = true;
	}
	code = journal->failed ? CODE_FAILED : CODE_DONE;
	release(journal);
	return code;
}
