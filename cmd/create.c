/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool create: make one object and say what it is called; a socket is held, or handed to a command. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ending.h"
#include "findings.h"
#include "guard.h"
#include "message.h"
#include "render.h"
#include "restore.h"
#include "settings.h"

#define LISTEN_FD 3 /* the first descriptor in the protocol of sd_listen_fds(3) */

enum {
	OPTION_PARENTS = OPTION_OF_COMMAND,
	OPTION_EXIST_OK,
	OPTION_HANDLE,
	OPTION_RESTORE,
};

static const struct poptOption options[] = {
	OPTION_FLAG("parents", 'p', OPTION_PARENTS, "make missing directories on the way to a path"),
	OPTION_FLAG("exist-ok", '\0', OPTION_EXIST_OK, "one that exists will do when all given settings match"),
	OPTION_FLAG("literal", '\0', OPTION_LITERAL, "take the reference as it stands: \\xHH is not decoded"),
	OPTION_FLAG("handle", '\0', OPTION_HANDLE, "print the handle, which a later object of that name has not"),
	OPTION_WITH("restore", '\0', OPTION_RESTORE, "make again what 'dump --output' kept in DIR: all, or the REFs",
		    "DIR"),
	OPTION_FLAG("json", 'J', OPTION_JSON, "one JSON document, as of 'show'"),
	OPTION_FLAG("jsonl", '\0', OPTION_JSON_LINES, "the same as lines"),
	OPTIONS_SETTINGS,
	OPTIONS_END,
};

struct job {
	struct app *app;
	struct operands operands;
	const char *what;     /* the operand */
	const char **command; /* what follows "--", ending with NULL; NULL: there is no "--" */
	struct given_settings given;
	struct presentation presentation;
	unsigned flags;
	bool literal, handle;
	char *restore; /* the directory */
	struct ipc_settings *settings;
	struct ipc_made *made;
};

static enum taken take(void *data, const struct app *app, int code, const char *argument)
{
	struct job *job = data;
	enum taken taken = TAKEN;

	switch (code) {
	case OPTION_PARENTS:
		job->flags |= IPC_CREATE_PARENTS;
		break;
	case OPTION_EXIST_OK:
		job->flags |= IPC_CREATE_EXIST_OK;
		break;
	case OPTION_LITERAL:
		job->literal = true;
		break;
	case OPTION_HANDLE:
		job->handle = true;
		break;
	case OPTION_RESTORE:
		if (job->restore) {
			complain(app, "--restore", "given twice; an archive is one directory");
			return TAKEN_BAD;
		}
		job->restore = xstrdup(argument);
		break;
	case OPTION_JSON:
	case OPTION_JSON_LINES:
		return presentation_take(&job->presentation, app, code, argument);
	default:
		taken = settings_take(&job->given, app, code, argument);
	}
	return taken;
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

/* "sock:..." and "sock/unix": sockets live as long as somebody has them open. */
static bool is_socket(const char *what)
{
	size_t length = strcspn(what, ":@+/");

	return length == strlen("sock") && !strncmp(what, "sock", length);
}

static bool check_command(const struct job *job)
{
	const struct app *app = job->app;

	if (!job->command)
		return true;
	if (!job->command[0])
		complain(app, NULL, "no command behind '--'");
	else if (!is_socket(job->what))
		complain(app, job->what, "a command can be given for sockets alone, which it inherits");
	else if (job->handle || job->presentation.format != FORMAT_PLAIN)
		complain(app, job->handle ? "--handle" : job->presentation.format_option,
			 "not with a command, to which standard output belongs");
	else if (job->flags & IPC_CREATE_EXIST_OK)
		complain(app, "--exist-ok", "not with a command: the socket of another process cannot be handed over");
	else
		return true;
	return false;
}

static bool check_operands(struct job *job)
{
	const struct app *app = job->app;

	if (!job->operands.count && job->command)
		complain(app, NULL, "what shall be made? Name it before the '--'");
	else if (!job->operands.count)
		complain(app, NULL, "what shall be made? Write a reference, as mq:/name or fifo:/path, or CLASS/KIND");
	else if (job->operands.count > 1)
		complain(app, job->operands.items[1], "one object at a time");
	else if (job->handle && job->presentation.format != FORMAT_PLAIN)
		complain(app, "--handle", "cannot be combined with %s", job->presentation.format_option);
	else {
		job->what = job->operands.items[0];
		return check_command(job);
	}
	return false;
}

/* ---- saying what was made ---------------------------------------------------------------------------------------- */

static int show_one(const struct ipc_object *object, void *data)
{
	struct renderer *renderer = data;

	return renderer->ops->object(renderer, object) ? 0 : 1;
}

/* As `show --json` does. That something about it could not be read is no failure of `create`; that it is gone is. */
static enum code print_document(struct job *job, struct ipc_query *query)
{
	static const struct findings_rules rules;
	struct columns columns = {0};
	struct renderer *renderer = render_json_new(job->presentation.format == FORMAT_JSON_LINES);
	struct outcome outcome = {0};
	int error;

	renderer->app = job->app;
	renderer->presentation = &job->presentation;
	renderer->columns = &columns;
	ipc_query_want_all(query);
	renderer->ops->begin(renderer);
	error = ipc_query_run(query, show_one, renderer);
	if (error < 0) {
		outcome_add(&outcome, CODE_FAILED, ipc_made_reference(job->made), -error, ipc_ctx_error(job->app->ctx));
		complain(job->app, ipc_made_reference(job->made), "made, but cannot be shown: %s", strerror(-error));
	} else if (!error) {
		findings_report(job->app, query, &rules, &outcome);
	}
	renderer->ops->end(renderer, &outcome);
	renderer->ops->free(renderer);
	error = outcome.code == CODE_PARTIAL ? CODE_DONE : (int)outcome.code;
	outcome_release(&outcome);
	return (enum code)error;
}

static int print_handle_of(const struct ipc_object *object, void *data)
{
	struct job *job = data;
	struct ipc_value value;

	if (!ipc_object_get_by_name(object, "handle", &value) && !value.null) {
		text_escaped(&job->app->out.text, value.str);
		text_char(&job->app->out.text, '\n');
	}
	return 0;
}

static enum code print_handle(struct job *job, struct ipc_query *query)
{
	static const struct findings_rules rules;
	struct outcome outcome = {0};
	int error = ipc_query_want(query, "handle");
	enum code code;

	if (!error)
		error = ipc_query_run(query, print_handle_of, job);
	if (!error)
		findings_report(job->app, query, &rules, &outcome);
	else
		complain(job->app, ipc_made_reference(job->made), "made, but cannot be looked at: %s",
			 strerror(-error));
	code = error ? CODE_FAILED : outcome.code == CODE_PARTIAL ? CODE_DONE : outcome.code;
	outcome_release(&outcome);
	return code;
}

static enum code print_queried(struct job *job)
{
	struct ipc_query *query = NULL;
	int error = ipc_query_new(job->app->ctx, &query);
	enum code code;

	if (!error)
		error = ipc_query_add(query, ipc_made_reference(job->made), false);
	if (error) {
		complain(job->app, ipc_made_reference(job->made), "made, but cannot be looked at: %s",
			 ipc_ctx_error(job->app->ctx));
		ipc_query_free(query);
		return CODE_FAILED;
	}
	code = job->handle ? print_handle(job, query) : print_document(job, query);
	ipc_query_free(query);
	return code;
}

/* A new object that nobody was told of would be lost. */
static enum code print(struct job *job)
{
	enum code code = CODE_DONE;

	if (job->handle || job->presentation.format != FORMAT_PLAIN)
		code = print_queried(job);
	else
		text_format(&job->app->out.text, "%s\n", ipc_made_reference(job->made));
	signal(SIGPIPE, SIG_IGN); /* else that would end it before it could tell */
	if (output_flush(&job->app->out))
		return code;
	if (!ipc_made_existed(job->made) && ipc_made_fd(job->made) < 0)
		complain(job->app, ipc_made_reference(job->made), "was made, but standard output did not take this");
	return CODE_FAILED;
}

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

static enum code take_away(struct job *job)
{
	const char *why;
	int error = ipc_made_unlink(job->made);

	/* Somebody else took it away, or put something else there: that is none of ours. */
	if (!error || error == -ENOENT)
		return CODE_DONE;
	why = ipc_ctx_error(job->app->ctx);
	complain(job->app, ipc_made_reference(job->made), "its file is left: %s", *why ? why : strerror(-error));
	return code_of_errno(-error);
}

static enum code hold(struct job *job, struct ending *ending)
{
	enum code code = print(job), late;

	if (!code)
		ending_wait(ending);
	late = take_away(job);
	return code ? code : late;
}

/* In the guardian, from the beginning: a socket that it has open would outlive the command. */
static int let_go(void *data, int64_t timeout)
{
	const struct job *job = data;

	(void)timeout;
	close(ipc_made_fd(job->made));
	return 0;
}

static void give_back(void *data)
{
	const struct job *job = data;

	ipc_made_unlink(job->made);
}

/* Any descriptor of ours that came to be number 3 would be closed by putting the socket there: keep the number free. */
static bool reserve_listen_fd(const struct app *app)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bool reserved = fd == LISTEN_FD || (fd >= 0 && dup3(fd, LISTEN_FD, O_CLOEXEC) == LISTEN_FD);

	if (!reserved)
		complain(app, "/dev/null", "%s", strerror(errno));
	if (fd >= 0 && fd != LISTEN_FD)
		close(fd);
	return reserved;
}

/* "sock:/path" and "sock:./path" */
static bool has_file(const char *what)
{
	const char *locator = strchr(what, ':');

	return locator && strchr("./", locator[1]);
}

/* "app.sock" of sock:/run/app.sock: what a service may tell its sockets by. A colon would separate names. */
static void append_name(struct text *out, const char *what)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *from = has_file(what) ? strrchr(what, '/') : strchr(what, ':');
	size_t length;

	from = from ? from + 1 : what;
	from += *from == '@';
	for (length = 0; from[length] && length < 255; length++)
		text_char(out, strchr(allowed, from[length]) ? from[length] : '_');
	if (!length)
		text_string(out, "socket");
}

static bool hand_over(struct job *job)
{
	struct text pid = {0}, name = {0};
	bool done;

	text_uint(&pid, (uint64_t)getpid()); /* which exec keeps */
	append_name(&name, job->what);
	done = dup2(ipc_made_fd(job->made), LISTEN_FD) == LISTEN_FD && !setenv("LISTEN_FDS", "1", 1) &&
	       !setenv("LISTEN_PID", text_cstr(&pid), 1) && !setenv("LISTEN_FDNAMES", text_cstr(&name), 1) &&
	       !unsetenv("LISTEN_PIDFDID"); /* somebody else's */
	if (!done)
		complain(job->app, job->what, "the socket cannot be handed over: %s", strerror(errno));
	text_release(&pid);
	text_release(&name);
	return done;
}

static bool guard_file(struct job *job)
{
	struct text why = {0};
	struct guard guard = {.take = let_go, .give = give_back, .data = job, .why = &why};
	int error = has_file(job->what) ? guard_start(job->app, &guard, -1) : 0;

	if (error)
		complain(job->app, job->what, "%s", why.len ? text_cstr(&why) : strerror(-error));
	text_release(&why);
	return !error;
}

static enum code become_command(struct job *job, struct ending *ending)
{
	enum code code = CODE_COMMAND_FAILED;

	if (guard_file(job) && hand_over(job)) {
		ending_release(ending);
		code = (enum code)guard_exec(job->app, job->command);
	}
	take_away(job); /* at once, rather than when the guardian finds that this has ended */
	return code;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static enum code make(struct job *job)
{
	int error = ipc_create(job->app->ctx, job->what, job->literal, job->settings, job->flags, &job->made);
	const char *why = ipc_ctx_error(job->app->ctx);

	if (!error)
		return CODE_DONE;
	complain(job->app, job->what, "%s", *why ? why : strerror(-error));
	return code_of_errno(-error);
}

/* From before there is a file until after it is gone no signal may end the program. */
static enum code make_socket(struct job *job)
{
	struct ending ending;
	enum code code;

	ending_hold(&ending);
	code = make(job);
	if (!code && ipc_made_fd(job->made) < 0)
		code = print(job); /* it exists, which --exist-ok allows */
	else if (!code && job->command)
		code = become_command(job, &ending);
	else if (!code)
		code = hold(job, &ending);
	ending_release(&ending);
	return code;
}

/* Everything that is made then stands in the manifest. */
static bool check_restore(const struct job *job)
{
	const char *wrong = NULL;

	if (job->command)
		wrong = "not with a command: sockets are not restored";
	else if (job->handle)
		wrong = "cannot be combined with --handle";
	else if (job->flags & IPC_CREATE_EXIST_OK)
		wrong = "cannot be combined with --exist-ok: what exists is never compared with what was dumped";
	else if (job->given.names.count)
		wrong = "takes no settings: objects get those that they had";
	if (wrong)
		complain(job->app, "--restore", "%s", wrong);
	return !wrong;
}

static enum code restore(const struct job *job)
{
	const struct restore_order order = {.directory = job->restore,
					    .references = &job->operands,
					    .literal = job->literal,
					    .parents = job->flags & IPC_CREATE_PARENTS,
					    .presentation = &job->presentation};

	return check_restore(job) ? (enum code)restore_run(job->app, &order) : CODE_USAGE;
}

static enum code run_parsed(struct job *job)
{
	enum code code;

	if (job->restore)
		return restore(job);
	if (!check_operands(job))
		return CODE_USAGE;
	if ((job->command && !reserve_listen_fd(job->app)) || app_context(job->app))
		return CODE_FAILED;
	code = settings_parse(job->app, &job->given, true, &job->settings);
	if (code)
		return code;
	if (is_socket(job->what))
		return make_socket(job);
	code = make(job);
	return code ? code : print(job);
}

/* The words behind "--" are the command's: they may be empty or look like options. */
static int split(struct job *job, int argc, const char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		job->command = argv + i + 1;
		return i;
	}
	return argc;
}

static int run(struct app *app, int argc, const char **argv)
{
	struct job job = {.app = app};
	enum parsed parsed;
	enum code code;

	argc = split(&job, argc, argv);
	parsed = options_parse(app, argc, argv, take, &job, &job.operands);
	code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;
	if (parsed == PARSED)
		code = run_parsed(&job);
	/* Below 124 codes are the command's own, which never ran. */
	if (job.command && code && code < CODE_COMMAND_TIMEOUT)
		code = code_before_command(code);
	ipc_made_free(job.made);
	ipc_settings_free(job.settings);
	given_settings_release(&job.given);
	presentation_release(&job.presentation);
	operands_release(&job.operands);
	free(job.restore);
	return (int)code;
}

extern const struct command command_create;
const struct command command_create = {
	.name = "create",
	.summary = "make an object",
	.synopsis = "[OPTION]... {CLASS/KIND | REF} [-- COMMAND [ARG]...]\n"
		    "       ipctool create --restore DIR [OPTION]... [REF]...",
	.description =
		"Makes the object that REF names, or one without a name of CLASS/KIND, and prints its reference. One that "
		"exists is left as it is: exit status 6. A socket is held until SIGINT, SIGTERM or SIGHUP comes, and its "
		"file is removed then; with a COMMAND it is handed to that as descriptor 3, as sd_listen_fds(3) expects "
		"it. 'ipctool help CLASS/KIND' says which settings a kind takes. With --restore the operands name objects of "
		"an archive that 'ipctool dump --output' wrote; without any all of them are made again.",
	.options = options,
	.run = run,
};
