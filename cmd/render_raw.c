/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What scripts read line by line: fields separated by tabs, references alone, or only their number. */
#include <stdlib.h>

#include "render.h"

struct plain {
	struct renderer base;
	uint64_t count;
};

static bool begin_nothing(struct renderer *renderer)
{
	(void)renderer;
	return true;
}

static bool end_nothing(struct renderer *renderer, const struct outcome *outcome)
{
	(void)renderer;
	(void)outcome;
	return true;
}

static bool raw_object(struct renderer *renderer, const struct ipc_object *object)
{
	struct text *out = &renderer->app->out.text;
	const struct ipc_value *values = columns_read(renderer->columns, object);
	size_t count = renderer->columns->count, i;

	for (i = 0; i < count; i++) {
		if (i)
			text_char(out, '\t');
		format_value(out, &values[i], &renderer->style);
	}
	text_char(out, '\n');
	return output_pace(&renderer->app->out);
}

static bool count_object(struct renderer *renderer, const struct ipc_object *object)
{
	(void)object;
	((struct plain *)renderer)->count++;
	return true;
}

static bool count_end(struct renderer *renderer, const struct outcome *outcome)
{
	(void)outcome;
	text_uint(&renderer->app->out.text, ((struct plain *)renderer)->count);
	text_char(&renderer->app->out.text, '\n');
	return output_pace(&renderer->app->out);
}

static void plain_free(struct renderer *renderer)
{
	free(renderer);
}

static struct renderer *plain_new(const struct renderer_ops *ops)
{
	struct plain *plain = xcalloc(1, sizeof(*plain));

	plain->base.ops = ops;
	plain->base.style.machine = true;
	return &plain->base;
}

struct renderer *render_raw_new(void)
{
	static const struct renderer_ops ops = {
		.begin = begin_nothing,
		.object = raw_object,
		.end = end_nothing,
		.free = plain_free,
	};

	return plain_new(&ops);
}

struct renderer *render_count_new(void)
{
	static const struct renderer_ops ops = {
		.begin = begin_nothing,
		.object = count_object,
		.end = count_end,
		.free = plain_free,
	};

	return plain_new(&ops);
}
