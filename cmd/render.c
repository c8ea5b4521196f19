/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all renderers are given, and which table fits. */
#include <time.h>
#include <unistd.h>

#include "render.h"

void renderer_prepare(struct renderer *renderer, struct app *app, const struct presentation *presentation,
		      struct columns *columns)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	renderer->app = app;
	renderer->presentation = presentation;
	renderer->columns = columns;
	renderer->style.bytes = presentation->bytes;
	renderer->style.shown = &renderer->shown;
	renderer->style.time = presentation->time;
	renderer->style.now = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* libsmartcols keeps all rows and is slow on many, so it is for terminals alone. */
struct renderer *render_table_new(void)
{
	struct renderer *renderer = NULL;

#ifdef HAVE_SMARTCOLS
	if (isatty(STDOUT_FILENO))
		renderer = render_smartcols_new();
#endif
	return renderer ? renderer : render_stream_new();
}
