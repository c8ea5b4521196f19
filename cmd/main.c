/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool: the global options, the choice of the command, and the end of standard output. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "codes.h"
#include "help.h"
#include "message.h"
#include "options.h"

#ifdef HAVE_SMARTCOLS
#define SMARTCOLS "+smartcols"
#else
#define SMARTCOLS "-smartcols"
#endif

int app_context(struct app *app)
{
	int error = 0;

	if (app->ctx)
		return 0;
	/* For the drawing of trees, and for regular expressions; it is some files that help and completion need not read. */
	setlocale(LC_CTYPE, "");
	error = ipc_ctx_new(&app->ctx);
	if (error) {
		complain(app, NULL, "/proc cannot be read: %s",
			 error == -ENODEV ? "it is not mounted" : strerror(-error));
		return CODE_FAILED;
	}
	error = ipc_ctx_set_holder_source(app->ctx, app->holder_source);
	if (error) {
		const char *why = ipc_ctx_error(app->ctx);

		complain(app, "--holders-from", "%s", *why ? why : strerror(-error));
		app->ctx = ipc_ctx_unref(app->ctx);
		return CODE_FAILED;
	}
	return 0;
}

bool app_colors(const struct app *app)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (app->color != WHEN_AUTO)
		return app->color == WHEN_ALWAYS;
	return isatty(app->out.fd) && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
}

/* A descriptor that is closed would be given to the next file that is opened, and then be written to. */
static void fill_closed_descriptors(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			/* The wrong way round, so that using it still fails. */
			if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
				_exit(CODE_FAILED);
}

/* A reader that has seen enough ends the program quietly; any other failure to write is one of the program. */
static int finish(struct app *app, int code)
{
	if (!output_flush(&app->out) && app->out.error != EPIPE) {
		complain(app, "standard output", "%s", strerror(app->out.error));
		code = CODE_FAILED;
	} else if (!app->out.error && close(app->out.fd) < 0) {
		complain(app, "standard output", "%s", strerror(errno));
		code = CODE_FAILED;
	}
	text_release(&app->out.text);
	ipc_ctx_unref(app->ctx);
	return code;
}

static int run_command(struct app *app, int argc, const char **argv)
{
	const struct command *command = command_resolve(app, argv[0]);

	if (!command)
		return CODE_USAGE;
	app->command = command;
	return command->run(app, argc, argv);
}

static int run(struct app *app, int argc, const char **argv)
{
	struct operands operands;
	bool version = false;
	enum parsed parsed = options_parse_global(app, argc, argv, &version, &operands);
	int code = parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;

	if (parsed == PARSED && version) {
		text_format(&app->out.text, "ipctool %s %s " SMARTCOLS "\n", ipc_version(), ipc_features());
	} else if (parsed == PARSED && !operands.count) {
		struct output err = {.fd = STDERR_FILENO};

		help_usage(&err.text);
		output_flush(&err);
		text_release(&err.text);
		code = CODE_USAGE;
	} else if (parsed == PARSED) {
		code = run_command(app, operands.count, operands.items);
	}
	operands_release(&operands);
	return code;
}

int main(int argc, char **argv)
{
	struct app app = {.out = {.fd = STDOUT_FILENO}};

	fill_closed_descriptors();
	return finish(&app, run(&app, argc, (const char **)argv));
}
