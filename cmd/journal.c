/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record of removals. */
#include <stdlib.h>
#include <sys/stat.h>
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
	bool announced; /* of the object at hand: the file says that it goes */
	bool failed;    /* something could not be recorded */
};

static const struct ipc_bytes removing = {"removing", sizeof("removing") - 1},
			      removed = {"removed", sizeof("removed") - 1};

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

static const char *refuse(struct journal *journal, int error)
{
	text_clear(&journal->why);
	text_format(&journal->why, "%s: %s", journal->path, strerror(error));
	return text_cstr(&journal->why);
}

static void write_line(struct journal *journal, const struct ipc_object *object, const char *saved,
		       struct ipc_bytes result)
{
	text_clear(&journal->line);
	journal_line_json(&journal->line, object, &journal->by, saved, result);
}

const char *journal_prepare(struct journal *journal, const struct ipc_object *object)
{
	int error;

	if (!journal->path)
		return NULL;
	write_line(journal, object, NULL, removing);
	/* It may take two lines. */
	error = journal_file_reserve(&journal->file, 2 * (journal->line.len + JOURNAL_LINE_GROWS));
	return error ? refuse(journal, error) : NULL;
}

const char *journal_announce(struct journal *journal, const struct ipc_object *object, const char *saved)
{
	int error;

	if (!journal->path)
		return NULL;
	write_line(journal, object, saved, removing);
	error = journal_file_append(&journal->file, &journal->line);
	journal->announced = !error;
	return error ? refuse(journal, error) : NULL;
}

/* It was announced, and stays or was gone before. Its reader may have become slow meanwhile. */
static bool take_back(struct journal *journal, const struct ipc_object *object, struct ipc_bytes result)
{
	int error;

	write_line(journal, object, NULL, result);
	error = journal_file_reserve(&journal->file, journal->line.len);
	if (!error)
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

bool journal_settle(struct journal *journal, const struct ipc_object *object, struct ipc_bytes result)
{
	bool announced = journal->announced;

	journal->announced = false;
	if (result.len != removed.len || memcmp(result.data, removed.data, result.len) != 0)
		return !announced || take_back(journal, object, result);
	if (journal->syslog) {
		text_clear(&journal->line);
		journal_line_plain(&journal->line, object);
		syslog(LOG_NOTICE, "%s", text_cstr(&journal->line));
	}
	return true;
}

bool journal_is_file(const struct journal *journal, int fd)
{
	struct stat log, other;

	return journal->path && fstat(journal->file.fd, &log) == 0 && fstat(fd, &other) == 0 &&
	       log.st_dev == other.st_dev && log.st_ino == other.st_ino;
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
