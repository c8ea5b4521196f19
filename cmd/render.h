/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Renderers: one per format, each in its own file, all fed the same way. */
#ifndef CMD_RENDER_H
#define CMD_RENDER_H

#include "columns.h"
#include "options.h"
#include "outcome.h"

struct renderer;

/* Those that return bool: false when nothing more can be written. */
struct renderer_ops {
	bool (*begin)(struct renderer *renderer);
	bool (*object)(struct renderer *renderer, const struct ipc_object *object);
	/*
	 * A line of a tree: @drawing (or NULL) comes before the first column and is UTF-8, @width columns wide.
	 * @object NULL: a line of its own with @label, which is escaped already.
	 * The member is NULL for formats that draw no trees.
	 */
	bool (*branch)(struct renderer *renderer, const struct ipc_object *object, const char *drawing, size_t width,
		       const char *label);
	bool (*end)(struct renderer *renderer, const struct outcome *outcome);
	void (*free)(struct renderer *renderer);
};

/* Each format's own struct begins with this. */
struct renderer {
	const struct renderer_ops *ops;
	struct app *app;
	const struct presentation *presentation;
	struct columns *columns; /* count 0: every field of the kind */
	struct style style;
	struct shown_time shown;
};

/* What a new renderer has to know before it begins. All is borrowed. Times are told as of now. */
void renderer_prepare(struct renderer *renderer, struct app *app, const struct presentation *presentation,
		      struct columns *columns);
/* The table that fits where the output goes. */
struct renderer *render_table_new(void);
struct renderer *render_stream_new(void);
#ifdef HAVE_SMARTCOLS
struct renderer *render_smartcols_new(void); /* NULL: the library cannot be had */
#endif
/* A table whose rows are written as they come, into columns as wide as what they hold as a rule. */
struct renderer *render_live_new(void);
struct renderer *render_json_new(bool lines);
/* What stands before an element of a document that the caller writes. */
void render_json_element(struct renderer *renderer);
/* The end of a document, or with @lines its last line: complete or not, and what failed. @any: there were elements. */
void render_json_end(struct text *out, bool lines, bool any, const struct outcome *outcome);
/* Also for -q, which is the one column "ref". */
struct renderer *render_raw_new(void);
struct renderer *render_count_new(void);
/* Everything about each object, for people. */
struct renderer *render_show_new(void);

#endif
