/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a cleaning says: object by object as it goes on, and the sum of it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cleaning.h"
#include "message.h"

/* ---- fields --------------------------------------------------------------------------------------------------------- */

static struct ipc_bytes field(const struct ipc_object *object, const char *name)
{
	struct ipc_value value;

	if (ipc_object_get_by_name(object, name, &value) || value.null)
		return (struct ipc_bytes){NULL, 0};
	return value.str;
}

/* What was decided, and what came of it: looking fields up by name is slow, so it is done once. */
struct told {
	const struct ipc_object *object;
	struct ipc_bytes verdict, result;
};

static bool is(struct ipc_bytes bytes, const char *word)
{
	return bytes.data && bytes.len == strlen(word) && !memcmp(bytes.data, word, bytes.len);
}

/* ---- an object ------------------------------------------------------------------------------------------------------ */

/* "removed shm:5: orphan: creator 4711 is dead" */
static void tell_line(struct cleaning *cleaning, const struct ipc_object *object, const char *word)
{
	struct output *out = &cleaning->app->out;

	text_format(&out->text, "%s ", word);
	text_escaped(&out->text, field(object, "ref"));
	text_string(&out->text, ": ");
	text_escaped(&out->text, field(object, "why"));
	text_char(&out->text, '\n');
	if (cleaning->at_once)
		output_flush(out);
	else
		output_pace(out);
}

/* On standard error, whatever else is shown. */
static void tell_failure(struct cleaning *cleaning, const struct ipc_object *object, enum code code, int error,
			 const char *prefix)
{
	struct ipc_bytes message = field(object, "why");
	struct text ref = {0}, why = {0};

	text_escaped(&ref, field(object, "ref"));
	text_string(&why, prefix);
	text_escaped(&why, message);
	complain(cleaning->app, text_cstr(&ref), "%s", text_cstr(&why));
	outcome_add(&cleaning->outcome, code, text_cstr(&ref), error, text_cstr(&why));
	text_release(&ref);
	text_release(&why);
}

static void tell_people(struct cleaning *cleaning, const struct told *told)
{
	if (is(told->verdict, "report"))
		tell_line(cleaning, told->object, "reported");
	else if (cleaning->quiet)
		return;
	else if (is(told->result, "removed"))
		tell_line(cleaning, told->object, "removed");
	else if (cleaning->app->verbose && is(told->result, "kept"))
		tell_line(cleaning, told->object, is(told->verdict, "protect") ? "protected" : "kept");
	else if (cleaning->app->verbose && is(told->result, "gone"))
		tell_line(cleaning, told->object, "gone");
}

/* It might go, and stays: for the limit, or because it could not be recorded or saved. */
static void account_for_kept(struct cleaning *cleaning, const struct ipc_object *object)
{
	if (cleaning->unsaved)
		tell_failure(cleaning, object, cleaning->unsaved, 0, "kept: ");
	else if (cleaning->how.max && cleaning->removed >= cleaning->how.max)
		cleaning->left++;
	cleaning->unsaved = CODE_DONE;
}

static void account(struct cleaning *cleaning, const struct told *told)
{
	int error = ipc_clean_error(cleaning->query);

	archive_settle(cleaning->archive, is(told->result, "removed"));
	if (cleaning->journal && !journal_settle(cleaning->journal, told->object, told->result))
		cleaning->broken = true;
	if (is(told->result, "removed")) {
		cleaning->removed++;
	} else if (is(told->result, "failed")) {
		cleaning->failed++;
		tell_failure(cleaning, told->object, code_of_errno(error), error, "");
	} else if (is(told->result, "kept") && is(told->verdict, "remove")) {
		account_for_kept(cleaning, told->object);
	}
}

int cleaning_tell(const struct ipc_object *object, void *data)
{
	const struct told told = {object, field(object, "verdict"), field(object, "result")};
	struct cleaning *cleaning = data;
	struct renderer *renderer = cleaning->renderer;

	progress_hide(&cleaning->progress);
	account(cleaning, &told);
	if (!renderer)
		tell_people(cleaning, &told);
	else if (!renderer->ops->object(renderer, object) && !cleaning->how.apply)
		return CLEANING_BROKEN;
	return ending_come(&cleaning->ending);
}

/* ---- the sum -------------------------------------------------------------------------------------------------------- */

static void append_objects(struct text *out, uint64_t count)
{
	text_format(out, "%" PRIu64 " object%s", count, count == 1 ? "" : "s");
}

static void append_count(struct text *out, const char *word, uint64_t count)
{
	if (count)
		text_format(out, ", %s %" PRIu64, word, count);
}

static void append_bytes(struct text *out, uint64_t bytes, bool plain)
{
	if (plain || bytes < 1024)
		text_format(out, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
	else
		format_size(out, bytes);
}

/* "removed 2 objects (1.5M), kept 3, protected 1": what there is none of is left out, but for what is kept. */
static void sum_up_for_people(const struct cleaning *cleaning, struct text *out)
{
	const struct ipc_cleaned *done = &cleaning->done;

	text_string(out, cleaning->how.apply ? "removed " : "would remove ");
	append_objects(out, done->removed);
	text_string(out, " (");
	append_bytes(out, done->bytes, cleaning->bytes);
	text_format(out, "), kept %" PRIu64, done->kept);
	append_count(out, "protected", done->spared);
	append_count(out, "reported", done->reported);
	append_count(out, "gone", done->gone);
	append_count(out, "failed", done->failed);
	if (cleaning->unseen)
		text_format(out, "; not everything could be looked at%s",
			    cleaning->app->verbose ? "" : " (-v says what)");
	text_char(out, '\n');
}

static void sum_up_for_programs(const struct cleaning *cleaning, struct text *out)
{
	const struct ipc_cleaned *done = &cleaning->done;
	const struct {
		const char *name;
		uint64_t count;
	} counts[] = {
		{"removed", cleaning->how.apply ? done->removed : 0},
		{"would_remove", cleaning->how.apply ? 0 : done->removed},
		{"kept", done->kept},
		{"protected", done->spared},
		{"reported", done->reported},
		{"gone", done->gone},
		{"failed", done->failed},
		{"bytes", done->bytes},
	};
	size_t i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		text_format(out, "%s\"%s\": %" PRIu64, i ? ", " : "{", counts[i].name, counts[i].count);
	text_format(out, ", \"applied\": %s, \"stopped\": %s}", cleaning->how.apply ? "true" : "false",
		    done->stopped ? "true" : "false");
}

/* Those that answered otherwise at the second look were told of to nobody. */
static void tell_untold(struct cleaning *cleaning)
{
	struct text why = {0};

	if (cleaning->done.failed <= cleaning->failed)
		return;
	append_objects(&why, cleaning->done.failed - cleaning->failed);
	text_string(&why, " could not be looked at again, and are left as they are");
	complain(cleaning->app, NULL, "%s", text_cstr(&why));
	outcome_add(&cleaning->outcome, CODE_PARTIAL, "clean", 0, text_cstr(&why));
	text_release(&why);
}

static void tell_stop(const struct cleaning *cleaning)
{
	struct text what = {0};

	if (!cleaning->done.stopped)
		return;
	text_format(&what, "stopped after %" PRIu64 "; %" PRIu64 " more may go", cleaning->done.removed,
		    cleaning->left);
	complain(cleaning->app, "--max", "%s", text_cstr(&what));
	text_release(&what);
}

void cleaning_sum_up(struct cleaning *cleaning)
{
	struct renderer *renderer = cleaning->renderer;

	tell_untold(cleaning);
	tell_stop(cleaning);
	sum_up_for_programs(cleaning, &cleaning->summary);
	cleaning->outcome.summary = text_cstr(&cleaning->summary);
	if (renderer)
		renderer->ops->end(renderer, &cleaning->outcome);
	if (cleaning->sums_up)
		sum_up_for_people(cleaning, &cleaning->app->out.text);
}
