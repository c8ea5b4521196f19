/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command for each event: started one after the other, while events are read on.
 *
 * The command line is a constant; what the event says is in its environment alone, so that no name gets to the shell as
 * something to be run. All commands are of one process group, by which their own doings are told apart: one that is run for
 * what it does itself would be run for ever. A process that does nothing else keeps that group in being between two of them.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format.h"
#include "message.h"
#include "watch_exec.h"

#define PREFIX "IPCTOOL_"
#define MOST_WAITING 16384 /* events: about 10 MB */

/* What goes into the environment of one command. */
struct assignments {
	struct assignments *next;
	struct text text; /* NAME=VALUE, each ended by NUL */
};

/* ---- environment ---------------------------------------------------------------------------------------------------- */

static void append_name(struct text *out, const char *before, const char *name)
{
	text_format(out, PREFIX "%s", before);
	for (; *name; name++)
		text_char(out, (char)toupper((unsigned char)*name));
}

static void append_assignment(struct text *out, const char *before, const struct ipc_field *field,
			      const struct ipc_value *value)
{
	static const struct style machine = {.machine = true};

	append_name(out, before, ipc_field_name(field));
	text_char(out, '=');
	format_value(out, value, &machine);
	text_char(out, '\0');
}

static void append_members(struct text *out, const struct ipc_value *record)
{
	const struct ipc_field *field;
	struct ipc_value value;
	size_t i;

	for (i = 0; (field = ipc_record_field(record->list.of, i)); i++)
		if (!ipc_value_member(record, 0, field, &value) && !value.null)
			append_assignment(out, "DETAIL_", field, &value);
}

static void append_event(struct text *out, const struct ipc_object *event)
{
	const struct ipc_record *record = ipc_kind_record(ipc_event_kind());
	const struct ipc_field *field;
	struct ipc_value value;
	size_t i;

	for (i = 0; (field = ipc_record_field(record, i)); i++) {
		ipc_object_get(event, field, &value);
		if (value.null)
			continue;
		if (value.type == IPC_TYPE_RECORD)
			append_members(out, &value);
		else
			append_assignment(out, "", field, &value);
	}
}

/* Is it one of the variables that events have, so that what the caller has there is not of this one? */
static bool is_ours(const char *variable)
{
	const struct ipc_record *record = ipc_kind_record(ipc_event_kind());
	const char *equals = strchr(variable, '=');
	const struct ipc_field *field;
	struct text name = {0};
	bool found = false;
	size_t i;

	if (!equals || strncmp(variable, PREFIX, strlen(PREFIX)) != 0)
		return false;
	if (!strncmp(variable, PREFIX "DETAIL_", strlen(PREFIX "DETAIL_")))
		return true;
	for (i = 0; !found && (field = ipc_record_field(record, i)); i++) {
		text_clear(&name);
		append_name(&name, "", ipc_field_name(field));
		found = (size_t)(equals - variable) == name.len && !memcmp(variable, name.data, name.len);
	}
	text_release(&name);
	return found;
}

/* An array that ends with NULL, of strings that are borrowed. */
static char **make_environment(const struct assignments *assignments)
{
	const struct text *text = &assignments->text;
	size_t count = 1, i, at;
	char **all;

	for (i = 0; environ[i]; i++)
		count++;
	for (at = 0; at < text->len; at++)
		count += text->data[at] == '\0';
	all = xcalloc(count, sizeof(*all));
	count = 0;
	for (i = 0; environ[i]; i++)
		if (!is_ours(environ[i]))
			all[count++] = environ[i];
	for (at = 0; at < text->len; at += strlen(text->data + at) + 1)
		all[count++] = text->data + at;
	return all;
}

/* ---- one command ---------------------------------------------------------------------------------------------------- */

/* Returns 0 or a positive errno. */
static int spawn(struct execution *execution, char **environment)
{
	char *words[] = {(char *)"sh", (char *)"-c", (char *)execution->command, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t defaults;
	int error;

	sigemptyset(&defaults);
	sigaddset(&defaults, SIGCHLD);
	if (!execution->pipe_ignored)
		sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_init(&how);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&how, execution->group);
	posix_spawnattr_setsigmask(&how, &execution->signals);
	posix_spawnattr_setsigdefault(&how, &defaults);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (execution->apart)
		posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	error = posix_spawn(&execution->pid, "/bin/sh", &files, &how, words, environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&how);
	if (error)
		execution->pid = 0;
	return error;
}

static void count_failure(struct execution *execution, int status)
{
	execution->failed++;
	execution->status = status;
}

static void start_next(struct execution *execution)
{
	struct assignments *next = execution->first;
	char **environment = make_environment(next);
	int error = spawn(execution, environment);

	free(environment);
	execution->first = next->next;
	if (!execution->first)
		execution->last = NULL;
	execution->waiting--;
	execution->run++;
	text_release(&next->text);
	free(next);
	if (!error)
		return;
	if (!execution->failed)
		complain(execution->app, "--exec", "/bin/sh: %s", strerror(error));
	count_failure(execution, 127 << 8);
}

static void look_after(struct execution *execution)
{
	struct signalfd_siginfo info;
	int status;

	while (read(execution->fd, &info, sizeof(info)) > 0)
		;
	if (!execution->pid || waitpid(execution->pid, &status, WNOHANG) != execution->pid)
		return;
	execution->pid = 0;
	if (!execution->stopped && (!WIFEXITED(status) || WEXITSTATUS(status)))
		count_failure(execution, status);
}

/* ---- all of them ---------------------------------------------------------------------------------------------------- */

/* Ends with its parent: then there is nothing more to read. */
static void keep_group(int end)
{
	ssize_t n;
	char c;

	setpgid(0, 0);
	(void)prctl(PR_SET_NAME, "ipctool-group");
	do {
		n = read(end, &c, 1);
	} while (n < 0 && errno == EINTR);
	_exit(0);
}

static int begin_group(struct execution *execution)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	execution->group = fork();
	if (execution->group == 0) {
		close(ends[1]);
		keep_group(ends[0]);
	}
	close(ends[0]);
	execution->keeps = ends[1];
	if (execution->group < 0)
		return errno;
	setpgid(execution->group, execution->group); /* whoever comes first */
	return 0;
}

static bool fail_to_begin(const struct app *app, int error)
{
	complain(app, "--exec", "%s", strerror(error));
	return false;
}

bool execution_begin(struct execution *execution, const struct app *app, const char *command)
{
	struct sigaction action;
	sigset_t child;
	int error;

	*execution = (struct execution){.app = app, .command = command, .fd = -1, .keeps = -1};
	sigprocmask(SIG_SETMASK, NULL, &execution->signals);
	sigaction(SIGPIPE, NULL, &action);
	execution->pipe_ignored = action.sa_handler == SIG_IGN;
	if (!command)
		return true;
	/* Who starts a program with this ignored gets its children's end nowhere. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	execution->fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (execution->fd < 0)
		return fail_to_begin(app, errno);
	error = begin_group(execution);
	return error ? fail_to_begin(app, error) : true;
}

void execution_add(struct execution *execution, const struct ipc_object *event)
{
	struct assignments *assignments;

	if (execution->waiting == MOST_WAITING) {
		if (!execution->dropped++)
			complain(execution->app, "--exec",
				 "events come faster than commands end: %d wait, more are left out", MOST_WAITING);
		return;
	}
	assignments = xcalloc(1, sizeof(*assignments));
	append_event(&assignments->text, event);
	if (execution->last)
		execution->last->next = assignments;
	else
		execution->first = assignments;
	execution->last = assignments;
	execution->waiting++;
}

void execution_step(struct execution *execution)
{
	if (!execution->command)
		return;
	look_after(execution);
	while (!execution->pid && execution->first)
		start_next(execution);
}

static void forget(struct execution *execution)
{
	struct assignments *next;

	while ((next = execution->first)) {
		execution->first = next->next;
		text_release(&next->text);
		free(next);
	}
	execution->last = NULL;
	execution->waiting = 0;
}

bool execution_busy(const struct execution *execution)
{
	return execution->pid || execution->first;
}

void execution_stop(struct execution *execution, int number)
{
	execution->stopped = true;
	forget(execution);
	if (execution->pid)
		kill(-execution->group, number);
}

void execution_report(const struct execution *execution, struct outcome *outcome)
{
	struct text why = {0};

	if (execution->failed) {
		text_format(&why, "%" PRIu64 " of %" PRIu64 " commands failed, the last one with ", execution->failed,
			    execution->run);
		if (WIFSIGNALED(execution->status))
			text_format(&why, "signal %d", WTERMSIG(execution->status));
		else
			text_format(&why, "status %d", WEXITSTATUS(execution->status));
	}
	if (execution->dropped)
		text_format(&why, "%s%" PRIu64 " commands were left out", why.len ? "; " : "", execution->dropped);
	if (why.len) {
		outcome_add(outcome, CODE_PARTIAL, "--exec", 0, text_cstr(&why));
		complain(execution->app, "--exec", "%s", text_cstr(&why));
	}
	text_release(&why);
}

void execution_release(struct execution *execution)
{
	if (!execution->command)
		return;
	forget(execution);
	if (execution->fd >= 0)
		close(execution->fd);
	if (execution->keeps >= 0)
		close(execution->keeps);
	if (execution->group > 0)
		waitpid(execution->group, NULL, 0);
	execution->command = NULL;
}
