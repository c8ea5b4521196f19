/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON: one document, or one object per line that is written as soon as it is known. */
#include <stdlib.h>

#include "render.h"

/* The keys of one kind's objects. */
struct plan {
	const struct ipc_kind *kind;
	size_t count;
	const struct ipc_field **fields;  /* NULL: a column that this kind does not have */
	const struct ipc_field **members; /* of the field, or NULL: all of it */
	struct text *keys;                /* `"size": ` with what comes before it */
	struct ipc_value *values;         /* of the object at hand */
};

struct json {
	struct renderer base;
	bool lines;
	bool any; /* an object was written */
	struct plan *plans;
	size_t count;
	size_t last; /* index of the plan last used */
};

static void plan_add(struct plan *plan, const struct ipc_field *field, const struct ipc_field *member, const char *name)
{
	struct text key = {0};

	plan->fields = xrealloc(plan->fields, (plan->count + 1) * sizeof(*plan->fields));
	plan->members = xrealloc(plan->members, (plan->count + 1) * sizeof(*plan->members));
	plan->keys = xrealloc(plan->keys, (plan->count + 1) * sizeof(*plan->keys));
	text_format(&key, "%s\"%s%s%s\": ", plan->count ? ", " : "{", name, member ? "." : "",
		    member ? ipc_field_name(member) : "");
	plan->fields[plan->count] = field;
	plan->members[plan->count] = member;
	plan->keys[plan->count++] = key;
}

static const struct plan *plan_for(struct json *json, const struct ipc_kind *kind)
{
	const struct ipc_record *record = ipc_kind_record(kind);
	const struct columns *columns = json->base.columns;
	const struct ipc_field *field;
	struct plan *plan;
	size_t i;

	if (json->count && json->plans[json->last].kind == kind)
		return &json->plans[json->last];
	for (i = 0; i < json->count; i++) {
		if (json->plans[i].kind == kind) {
			json->last = i;
			return &json->plans[i];
		}
	}
	json->plans = xrealloc(json->plans, (json->count + 1) * sizeof(*json->plans));
	json->last = json->count;
	plan = &json->plans[json->count++];
	*plan = (struct plan){.kind = kind};
	for (i = 0; i < columns->count; i++) {
		const char *name = ipc_field_name(columns->items[i].field);

		plan_add(plan, ipc_record_find(record, name), columns->items[i].member, name);
	}
	for (i = 0; !columns->count && (field = ipc_record_field(record, i)); i++)
		if (!ipc_field_of_cleaning(field))
			plan_add(plan, field, NULL, ipc_field_name(field));
	plan->values = xcalloc(plan->count, sizeof(*plan->values));
	return plan;
}

static bool json_begin(struct renderer *renderer)
{
	struct json *json = (struct json *)renderer;

	if (!json->lines)
		text_string(&renderer->app->out.text, "{\"schema\": 1,\n \"objects\": [");
	return true;
}

void render_json_element(struct renderer *renderer)
{
	struct json *json = (struct json *)renderer;

	text_string(&renderer->app->out.text, json->any ? ",\n  " : "\n  ");
	json->any = true;
}

static bool json_object(struct renderer *renderer, const struct ipc_object *object)
{
	struct json *json = (struct json *)renderer;
	const struct plan *plan = plan_for(json, ipc_object_kind(object));
	struct text *out = &renderer->app->out.text;
	size_t i;

	if (!json->lines)
		render_json_element(renderer);
	ipc_object_get_all(object, plan->fields, plan->count, plan->values);
	for (i = 0; i < plan->count; i++) {
		struct ipc_value value = plan->values[i];

		text_bytes(out, plan->keys[i].data, plan->keys[i].len);
		if (plan->members[i] && !value.null &&
		    ipc_value_member(&plan->values[i], 0, plan->members[i], &value) < 0)
			value.null = true;
		format_json(out, &value);
	}
	text_string(out, json->lines ? "}\n" : "}");
	return output_pace(&renderer->app->out);
}

static void append_errors(struct text *out, const struct outcome *outcome)
{
	size_t i;

	for (i = 0; i < outcome->count; i++) {
		const struct failure *failure = &outcome->failures[i];

		text_string(out, i ? ", {\"what\": " : "{\"what\": ");
		format_json_text(out, failure->what);
		if (failure->error)
			text_format(out, ", \"errno\": %d, \"why\": ", failure->error);
		else
			text_string(out, ", \"errno\": null, \"why\": ");
		format_json_text(out, failure->why);
		text_char(out, '}');
	}
}

void render_json_end(struct text *out, bool lines, bool any, const struct outcome *outcome)
{
	if (lines)
		text_string(out, "{\"end\": true, ");
	else
		text_string(out, any ? "\n ],\n " : "],\n ");
	if (outcome->summary)
		text_format(out, "\"summary\": %s,%s", outcome->summary, lines ? " " : "\n ");
	text_format(out, "\"complete\": %s", outcome->complete ? "true" : "false");
	text_string(out, lines ? ", \"errors\": [" : ",\n \"errors\": [");
	append_errors(out, outcome);
	text_string(out, "]}\n");
}

static bool json_end(struct renderer *renderer, const struct outcome *outcome)
{
	const struct json *json = (const struct json *)renderer;

	render_json_end(&renderer->app->out.text, json->lines, json->any, outcome);
	return output_pace(&renderer->app->out);
}

static void json_free(struct renderer *renderer)
{
	struct json *json = (struct json *)renderer;
	size_t i, j;

	for (i = 0; i < json->count; i++) {
		for (j = 0; j < json->plans[i].count; j++)
			text_release(&json->plans[i].keys[j]);
		free(json->plans[i].keys);
		free(json->plans[i].fields);
		free(json->plans[i].members);
		free(json->plans[i].values);
	}
	free(json->plans);
	free(json);
}

static const struct renderer_ops json_ops = {
	.begin = json_begin,
	.object = json_object,
	.end = json_end,
	.free = json_free,
};

struct renderer *render_json_new(bool lines)
{
	struct json *json = xcalloc(1, sizeof(*json));

	json->base.ops = &json_ops;
	json->lines = lines;
	return &json->base;
}
