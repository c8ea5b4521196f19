/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `monitor` writes: a line that the watching has begun, events, what was lost, and the end. */
#include <time.h>

#include "watch_events.h"

static struct renderer *choose_renderer(enum format format)
{
	switch (format) {
	case FORMAT_JSON:
		return render_json_new(false);
	case FORMAT_JSON_LINES:
		return render_json_new(true);
	case FORMAT_RAW:
	case FORMAT_REFS:
		return render_raw_new();
	default:
		return render_live_new();
	}
}

void telling_init(struct telling *telling, struct app *app, const struct presentation *presentation,
		  struct columns *columns)
{
	const struct ipc_field *detail = ipc_record_find(ipc_kind_record(ipc_event_kind()), "detail");

	*telling = (struct telling){
		.app = app,
		.presentation = presentation,
		.columns = columns,
		.renderer = choose_renderer(presentation->format),
		.detail = detail,
		.lost = ipc_record_find(ipc_field_record(detail), "lost"),
		.since = ipc_record_find(ipc_field_record(detail), "since"),
	};
	renderer_prepare(telling->renderer, app, presentation, columns);
}

void telling_release(struct telling *telling)
{
	if (telling->renderer)
		telling->renderer->ops->free(telling->renderer);
	telling->renderer = NULL;
}

bool telling_is_json(const struct telling *telling)
{
	return telling->presentation->format == FORMAT_JSON || telling->presentation->format == FORMAT_JSON_LINES;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* In both shapes of JSON, where it came from and when it began. */
static void append_source(struct text *out, const struct ipc_monitor *monitor, const char *separator)
{
	text_string(out, "\"source\": ");
	format_json_text(out, ipc_monitor_source(monitor));
	text_format(out, ",%s\"time\": \"", separator);
	format_utc(out, now());
	text_char(out, '"');
}

bool telling_begin(struct telling *telling, const struct ipc_monitor *monitor)
{
	struct text *out = &telling->app->out.text;

	switch (telling->presentation->format) {
	case FORMAT_JSON_LINES:
		text_string(out, "{\"start\": true, ");
		append_source(out, monitor, " ");
		text_string(out, "}\n");
		break;
	case FORMAT_JSON:
		text_string(out, "{\"schema\": 1,\n ");
		append_source(out, monitor, "\n ");
		text_string(out, telling->sums_up ? ",\n \"objects\": [" : ",\n \"events\": [");
		break;
	default:
		if (!telling->sums_up)
			telling->renderer->ops->begin(telling->renderer);
		break;
	}
	return output_flush(&telling->app->out);
}

bool telling_event(struct telling *telling, const struct ipc_object *event)
{
	struct renderer *renderer = telling->renderer;

	if (telling->presentation->time == TIME_RELATIVE || telling->presentation->time == TIME_SHORT)
		renderer->style.now = now();
	return renderer->ops->object(renderer, event);
}

/* A line without a word of what it is about would be taken for something else. */
static bool has_room(const struct telling *telling)
{
	size_t i;

	for (i = 0; i < telling->columns->count; i++) {
		const char *name = ipc_field_name(telling->columns->items[i].field);

		if (!strcmp(name, "verb") || !strcmp(name, "detail"))
			return true;
	}
	return false;
}

bool telling_lost(struct telling *telling, const struct ipc_object *event)
{
	struct text *out = &telling->app->out.text;
	struct ipc_value detail, value;

	if (telling->sums_up)
		return true;
	if (!telling_is_json(telling))
		return has_room(telling) ? telling_event(telling, event) : true;
	if (telling->presentation->format == FORMAT_JSON)
		render_json_element(telling->renderer);
	ipc_object_get(event, telling->detail, &detail);
	ipc_value_member(&detail, 0, telling->lost, &value);
	text_string(out, "{\"lost\": ");
	format_json(out, &value);
	ipc_value_member(&detail, 0, telling->since, &value);
	text_string(out, ", \"since\": ");
	format_json(out, &value);
	text_string(out, telling->presentation->format == FORMAT_JSON ? "}" : "}\n");
	return output_pace(&telling->app->out);
}

bool telling_end(struct telling *telling, const struct outcome *outcome)
{
	if (telling_is_json(telling) || !telling->sums_up)
		telling->renderer->ops->end(telling->renderer, outcome);
	return output_flush(&telling->app->out);
}
