/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a command that changes things did, as JSON. */
#include "results.h"
#include "render.h"

void results_begin(struct results *results, const char *name)
{
	if (!results->lines)
		text_format(&results->out->text, "{\"schema\": 1,\n \"%s\": [", name);
}

void results_open(struct results *results)
{
	struct text *out = &results->out->text;

	if (!results->lines)
		text_string(out, results->any ? ",\n  " : "\n  ");
	text_char(out, '{');
	results->any = true;
	results->members = false;
}

struct text *results_key(struct results *results, const char *name)
{
	struct text *out = &results->out->text;

	text_format(out, "%s\"%s\": ", results->members ? ", " : "", name);
	results->members = true;
	return out;
}

void results_string(struct results *results, const char *name, const char *string)
{
	struct text *out = results_key(results, name);

	if (string)
		format_json_text(out, string);
	else
		text_string(out, "null");
}

void results_close(struct results *results)
{
	text_string(&results->out->text, results->lines ? "}\n" : "}");
	output_pace(results->out);
}

void results_end(struct results *results, const struct outcome *outcome)
{
	render_json_end(&results->out->text, results->lines, results->any, outcome);
	output_pace(results->out);
}
