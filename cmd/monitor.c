/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipctool monitor: events as they happen. */
#include <ipctool/monitor.h>
#include <poll.h>
#include <stdlib.h>

#include "findings.h"
#include "message.h"
#include "render.h"
#include "selection.h"

static const struct poptOption options[] = {
	OPTIONS_SELECTION,
	OPTIONS_PRESENTATION,
	OPTIONS_END,
};

struct job {
	struct app *app;
	struct selection selection;
	struct presentation presentation;
	struct operands operands;
	struct scope scope;
	struct columns columns;
	struct ipc_query *query;
	struct renderer *renderer;
};

static enum taken take(void *data, const struct app *app, int code, const char *argument)
{
	struct job *job = data;
	enum taken taken = selection_take(&job->selection, app, code, argument);

	return taken == TAKEN_OTHER ? presentation_take(&job->presentation, app, code, argument) : taken;
}

static int event(const struct ipc_object *object, void *data)
{
	struct job *job = data;

	return job->renderer->ops->object(job->renderer, object) ? 0 : -1;
}

static int run(struct app *app, int argc, const char **argv)
{
	struct job job = {.app = app};
	enum parsed parsed = options_parse(app, argc, argv, take, &job, &job.operands);
	struct ipc_watch watch = {.since_start = getenv("SS") != NULL};
	struct ipc_monitor *monitor = NULL;
	enum code code;

	if (parsed != PARSED)
		return parsed == PARSED_BAD ? CODE_USAGE : CODE_DONE;
	code = selection_query(&job.selection, app, job.operands.items, job.operands.count, &job.query);
	if (code)
		return code;
	job.scope = (struct scope){0};
	job.scope.kinds = malloc(sizeof(*job.scope.kinds));
	job.scope.kinds[0] = ipc_event_kind();
	job.scope.count = 1;
	if (!columns_init(&job.columns, app, &job.scope, job.presentation.columns))
		return CODE_USAGE;
	job.renderer = job.presentation.format == FORMAT_JSON_LINES ? render_json_new(true) : render_stream_new();
	renderer_prepare(job.renderer, app, &job.presentation, &job.columns);
	if (ipc_monitor_new(job.query, &watch, &monitor) < 0) {
		complain(app, NULL, "%s", ipc_ctx_error(app->ctx));
		return CODE_FAILED;
	}
	complain(app, NULL, "%s", ipc_monitor_method(monitor));
	job.renderer->ops->begin(job.renderer);
	for (;;) {
		struct pollfd fd = {.fd = ipc_monitor_fd(monitor), .events = POLLIN};

		output_flush(&app->out);
		poll(&fd, 1, -1);
		if (ipc_monitor_read(monitor, event, &job) < 0)
			break;
	}
	ipc_monitor_free(monitor);
	return CODE_DONE;
}

extern const struct command command_monitor;
const struct command command_monitor = {
	.name = "monitor",
	.summary = "events as they happen",
	.synopsis = "[OPTION]... [CLASS[/KIND] | REF]...",
	.description = "x",
	.options = options,
	.inspects = true,
	.run = run,
};
