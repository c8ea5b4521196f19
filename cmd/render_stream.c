/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The streaming table: widths are measured on the first rows, then every row is written as it comes. */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "render.h"

#define SAMPLE_ROWS 200
#define GAP 1
#define PLAIN "\033[0m"
#define WIDEST 48 /* of a column that holds names or lists: one long name must not pad every row */

struct cell {
	size_t start, len; /* in pool */
	size_t width;      /* on the screen: less than len when there is drawing in it */
	const char *color; /* terminal sequence, or NULL */
	bool spills;       /* a label: it may reach over the next columns, which are empty */
};

struct stream {
	struct renderer base;
	struct text pool; /* text of the rows kept */
	struct cell *cells;
	size_t rows;    /* kept and not written yet */
	size_t *widths; /* of each column */
	bool *right;    /* is it aligned there? */
	bool measured;  /* rows are not kept any more */
	bool live;      /* they never are */
	bool colors;
	size_t limit; /* columns of the terminal, 0: do not cut */
};

static struct cell *row_at(struct stream *stream, size_t row)
{
	return stream->cells + row * stream->base.columns->count;
}

/* Bytes of @text that fill at most @width columns; whole UTF-8 sequences only. */
static size_t fit(const char *text, size_t len, size_t width)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80 && width-- == 0)
			break;
	return i;
}

static void pad(struct text *out, size_t count)
{
	memset(text_reserve(out, count), ' ', count);
	out->len += count;
}

/* What ends with blanks does not need them. */
static bool end_row(struct stream *stream)
{
	struct text *out = &stream->base.app->out.text;

	while (out->len && out->data[out->len - 1] == ' ')
		out->len--;
	text_char(out, '\n');
	return output_pace(&stream->base.app->out);
}

static bool write_row(struct stream *stream, const struct cell *cells)
{
	struct text *out = &stream->base.app->out.text;
	const struct columns *columns = stream->base.columns;
	size_t left = stream->limit ? stream->limit : SIZE_MAX, i;

	for (i = 0; i < columns->count && left; i++) {
		const struct cell *cell = &cells[i];
		size_t fill = stream->widths[i] > cell->width ? stream->widths[i] - cell->width : 0;
		size_t width = cell->width, len = cell->len;
		bool right = stream->right[i], last = i + 1 == columns->count;

		if (fill > left)
			fill = left;
		if (right) {
			pad(out, fill);
			left -= fill;
		}
		if (width > left) {
			width = left;
			len = fit(stream->pool.data + cell->start, len, width);
		}
		if (cell->color)
			text_string(out, cell->color);
		text_bytes(out, stream->pool.data + cell->start, len);
		if (cell->color)
			text_string(out, PLAIN);
		left -= width;
		if (!right && !last) {
			fill = fill < left ? fill : left;
			pad(out, fill);
			left -= fill;
		}
		if (!last && left >= GAP) {
			pad(out, GAP);
			left -= GAP;
		}
	}
	return end_row(stream);
}

static void measure(struct stream *stream)
{
	const struct columns *columns = stream->base.columns;
	size_t row, i;

	for (i = 0; i < columns->count; i++) {
		size_t *width = &stream->widths[i];

		for (row = 0; row < stream->rows; row++) {
			const struct cell *cell = &row_at(stream, row)[i];

			if (cell->width > *width && !cell->spills)
				*width = cell->width;
		}
		if (*width > WIDEST && column_is_elastic(&columns->items[i]))
			*width = WIDEST;
	}
	stream->measured = true;
}

static bool write_kept(struct stream *stream)
{
	size_t row;

	if (!stream->measured)
		measure(stream);
	for (row = 0; row < stream->rows; row++)
		if (!write_row(stream, row_at(stream, row)))
			return false;
	stream->rows = 0;
	text_clear(&stream->pool);
	return true;
}

/* The next row is filled. */
static bool keep_row(struct stream *stream)
{
	stream->rows++;
	return stream->measured || stream->rows == SAMPLE_ROWS ? write_kept(stream) : true;
}

static void end_cell(struct stream *stream, struct cell *cell)
{
	cell->len = stream->pool.len - cell->start;
	cell->width += cell->len;
}

/* Before anything is known of the rows: what values take up as a rule. A longer one pushes the rest of its row along. */
static size_t usual_width(const struct column *column)
{
	static const struct {
		const char *name;
		size_t width;
	} usual[] = {
		{"verb", 7}, {"ref", 24}, {"class", 6}, {"kind", 7},   {"name", 20},  {"key", 10},       {"detail", 24},
		{"pid", 7},  {"tid", 7},  {"comm", 15}, {"device", 6}, {"inode", 10}, {"namespace", 10},
	};
	const char *name = ipc_field_name(column_field(column));
	size_t i;

	for (i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (!strcmp(usual[i].name, name))
			return usual[i].width;
	return 5;
}

/* Times of one format are all of one length. */
static size_t time_width(const struct renderer *renderer)
{
	struct text text = {0};
	size_t width;

	if (renderer->style.time == TIME_RELATIVE)
		return 10;
	format_time(&text, renderer->style.now, renderer->style.time, renderer->style.now);
	width = text.len;
	text_release(&text);
	return width;
}

static void presume(struct stream *stream)
{
	const struct columns *columns = stream->base.columns;
	size_t i;

	for (i = 0; i < columns->count; i++) {
		const struct column *column = &columns->items[i];
		size_t width = ipc_field_type(column_field(column)) == IPC_TYPE_TIME ? time_width(&stream->base)
										     : usual_width(column);

		stream->widths[i] = width > strlen(column->heading) ? width : strlen(column->heading);
	}
	stream->measured = true;
}

static bool stream_begin(struct renderer *renderer)
{
	struct stream *stream = (struct stream *)renderer;
	size_t columns = renderer->columns->count, i;
	struct winsize size;

	stream->colors = app_colors(renderer->app);
	stream->cells = xcalloc(columns * SAMPLE_ROWS, sizeof(*stream->cells));
	stream->widths = xcalloc(columns, sizeof(*stream->widths));
	stream->right = xcalloc(columns, sizeof(*stream->right));
	for (i = 0; i < columns; i++)
		stream->right[i] = column_is_right(&renderer->columns->items[i]);
	if (!renderer->presentation->notruncate && isatty(renderer->app->out.fd) &&
	    ioctl(renderer->app->out.fd, TIOCGWINSZ, &size) == 0)
		stream->limit = size.ws_col;
	if (stream->live)
		presume(stream);
	if (renderer->presentation->noheadings)
		return true;
	for (i = 0; i < columns; i++) {
		struct cell *cell = &row_at(stream, 0)[i];

		*cell = (struct cell){.start = stream->pool.len};
		text_string(&stream->pool, renderer->columns->items[i].heading);
		end_cell(stream, cell);
	}
	return keep_row(stream);
}

static bool stream_branch(struct renderer *renderer, const struct ipc_object *object, const char *drawing, size_t width,
			  const char *label)
{
	struct stream *stream = (struct stream *)renderer;
	const struct ipc_value *values = object ? columns_read(renderer->columns, object) : NULL;
	struct cell *cells = row_at(stream, stream->rows);
	size_t i;

	for (i = 0; i < renderer->columns->count; i++) {
		struct cell *cell = &cells[i];
		size_t before;

		*cell = (struct cell){.start = stream->pool.len, .spills = !object};
		if (i == 0 && drawing) {
			text_string(&stream->pool, drawing);
			cell->width = width - strlen(drawing); /* wraps: end_cell() adds the length */
		}
		if (!values) {
			if (i == 0 && label)
				text_string(&stream->pool, label);
			end_cell(stream, cell);
			continue;
		}
		before = stream->pool.len;
		format_value(&stream->pool, &values[i], &renderer->style);
		if (stream->pool.len == before)
			text_char(&stream->pool, '-');
		if (stream->colors)
			cell->color = column_color(&renderer->columns->items[i], &values[i]);
		end_cell(stream, cell);
	}
	return keep_row(stream);
}

/* The cell that was written from @start on gets as wide as its column. */
static void align(struct stream *stream, size_t column, size_t start, size_t width)
{
	struct text *out = &stream->base.app->out.text;
	size_t fill = stream->widths[column] > width ? stream->widths[column] - width : 0;

	if (stream->right[column]) {
		text_reserve(out, fill);
		memmove(out->data + start + fill, out->data + start, out->len - start);
		memset(out->data + start, ' ', fill);
		out->len += fill;
	} else {
		pad(out, fill);
	}
}

/* The widths are known and nothing is cut: without a detour through the pool. */
static bool write_object(struct stream *stream, const struct ipc_object *object)
{
	struct columns *columns = stream->base.columns;
	struct text *out = &stream->base.app->out.text;
	const struct ipc_value *values = columns_read(columns, object);
	size_t i;

	for (i = 0; i < columns->count; i++) {
		const char *color = stream->colors ? column_color(&columns->items[i], &values[i]) : NULL;
		size_t start = out->len, text, width;

		if (color)
			text_string(out, color);
		text = out->len;
		format_value(out, &values[i], &stream->base.style);
		if (out->len == text)
			text_char(out, '-');
		width = out->len - text;
		if (color)
			text_string(out, PLAIN);
		align(stream, i, start, width);
		if (i + 1 < columns->count)
			pad(out, GAP);
	}
	return end_row(stream);
}

static bool stream_object(struct renderer *renderer, const struct ipc_object *object)
{
	struct stream *stream = (struct stream *)renderer;

	if (stream->measured && !stream->limit)
		return write_object(stream, object);
	return stream_branch(renderer, object, NULL, 0, NULL);
}

static bool stream_end(struct renderer *renderer, const struct outcome *outcome)
{
	(void)outcome;
	return write_kept((struct stream *)renderer);
}

static void stream_free(struct renderer *renderer)
{
	struct stream *stream = (struct stream *)renderer;

	text_release(&stream->pool);
	free(stream->cells);
	free(stream->widths);
	free(stream->right);
	free(stream);
}

static const struct renderer_ops stream_ops = {
	.begin = stream_begin,
	.object = stream_object,
	.branch = stream_branch,
	.end = stream_end,
	.free = stream_free,
};

struct renderer *render_stream_new(void)
{
	struct stream *stream = xcalloc(1, sizeof(*stream));

	stream->base.ops = &stream_ops;
	return &stream->base;
}

struct renderer *render_live_new(void)
{
	struct renderer *renderer = render_stream_new();

	((struct stream *)renderer)->live = true;
	return renderer;
}
