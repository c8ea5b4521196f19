/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: popt tables shared by the commands, and what their options are stored in.
 *
 * A command's table includes the groups that it takes. Tables are constant: no option has a variable behind it; each
 * has a code, and options_parse() hands code and argument to the command, which offers them to the groups it included.
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <ipctool/monitor.h>

#include "command.h"
#include "format.h"

enum option_code {
	OPTION_HELP = 256, /* common */
	OPTION_VERSION,
	OPTION_COLOR,
	OPTION_HOLDERS_FROM,
	OPTION_VERBOSE,
	OPTION_OWNER, /* selection */
	OPTION_HOLDER,
	OPTION_STATE,
	OPTION_OLDER_THAN,
	OPTION_LARGER_THAN,
	OPTION_MATCH,
	OPTION_FILTER,
	OPTION_SCAN,
	OPTION_NAMESPACE,
	OPTION_ALL_NAMESPACES,
	OPTION_LITERAL,
	OPTION_EVIDENCE,
	OPTION_ALL,
	OPTION_OUTPUT, /* presentation */
	OPTION_LIST_COLUMNS,
	OPTION_NO_HEADINGS,
	OPTION_BYTES,
	OPTION_SORT,
	OPTION_TREE,
	OPTION_TIME_FORMAT,
	OPTION_NO_TRUNCATE,
	OPTION_JSON,
	OPTION_JSON_LINES,
	OPTION_RAW,
	OPTION_REFS,
	OPTION_COUNT,
	OPTION_STRICT,
	OPTION_FORCE,          /* of `remove` */
	OPTION_INCLUDE,        /* of `clean` */
	OPTION_CONTENT_FORMAT, /* of `dump` */
	OPTION_EVENT_SOURCE,   /* of `monitor` */
	OPTION_EVENT_VERB,
	OPTION_EVENT_FILTER,
	OPTION_EVENT_UNTIL,
	OPTION_OF_COMMAND = 512, /* the codes of a command's own options begin here */
	OPTION_SETTING = 1024,   /* and here those of OPTIONS_SETTINGS */
};

/* Entries of option tables. */
#define OPTION_FLAG(name, letter, code, help)                       \
	{                                                           \
		name, letter, POPT_ARG_NONE, NULL, code, help, NULL \
	}
#define OPTION_WITH(name, letter, code, help, argument)                   \
	{                                                                 \
		name, letter, POPT_ARG_STRING, NULL, code, help, argument \
	}

/* One of a fixed set of words that an option takes. */
struct word {
	const char *name; /* NULL ends a table */
	const char *help;
};

extern const struct word color_words[], time_words[], state_words[], source_words[], force_words[], include_words[],
	socket_words[], content_words[], event_source_words[], event_verb_words[];

/* Index of @name, or -1 after a message that lists the words. @option as in "--color". */
int word_find(const struct app *app, const char *option, const struct word *words, const char *name);

/* A list of strings that owns them. */
struct strings {
	char **items;
	size_t count;
};

void strings_add(struct strings *strings, const char *string);
void strings_release(struct strings *strings);

/* Which objects. */
struct selection {
	struct strings owners, states, matches, filters, scans, namespaces, evidence;
	char *holder, *older_than, *larger_than;
	bool all_namespaces, literal, all;
};

/* How contents are written; in the order of content_words. */
enum content_format {
	CONTENT_RAW,
	CONTENT_HEX,
	CONTENT_TEXT,
	CONTENT_JSON,
	CONTENT_BASE64,
	CONTENT_JSON_LINES, /* no word, but an option */
};

enum format {
	FORMAT_PLAIN, /* a table, or what the command shows people */
	FORMAT_TREE,
	FORMAT_JSON,
	FORMAT_JSON_LINES,
	FORMAT_RAW,
	FORMAT_REFS,
	FORMAT_COUNT,
	FORMAT_COLUMNS, /* -H */
};

/* How they are shown. */
struct presentation {
	char *columns; /* as given with -o, or NULL */
	char *sort;    /* as given with --sort, or NULL */
	enum format format;
	const char *format_option; /* which option chose it */
	enum time_format time;
	bool noheadings, bytes, notruncate, strict;
};

extern const struct poptOption global_options[]; /* before the command */
extern const struct poptOption common_options[]; /* taken by every command; included by options_parse() */
extern const struct poptOption selection_options[];
extern const struct poptOption choosing_options[]; /* the same without --all, which means something else to `remove` */
extern const struct poptOption presentation_options[];

#define OPTIONS_COMMON                                                                         \
	{                                                                                      \
		NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)common_options, 0, "General", NULL \
	}
#define OPTIONS_CHOOSING                                                                           \
	{                                                                                          \
		NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)choosing_options, 0, "Selection", NULL \
	}
#define OPTIONS_SELECTION                                                                           \
	{                                                                                           \
		NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)selection_options, 0, "Selection", NULL \
	}
#define OPTIONS_PRESENTATION                                                                        \
	{                                                                                           \
		NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)presentation_options, 0, "Output", NULL \
	}
/* The place of the options that cmd/settings.c makes of the settings that objects can be made with. */
extern const struct poptOption settings_options[];
#define OPTIONS_SETTINGS                                                                          \
	{                                                                                         \
		NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)settings_options, 0, "Settings", NULL \
	}
#define OPTIONS_END                                \
	{                                          \
		NULL, '\0', 0, NULL, 0, NULL, NULL \
	}

enum taken {
	TAKEN,       /* stored */
	TAKEN_BAD,   /* of this group, but wrong; said on standard error */
	TAKEN_OTHER, /* not of this group */
};

/* Offer an option to a group. @argument is borrowed; NULL when the option has none. */
enum taken selection_take(struct selection *selection, const struct app *app, int code, const char *argument);
enum taken presentation_take(struct presentation *presentation, const struct app *app, int code, const char *argument);
void selection_release(struct selection *selection);
void presentation_release(struct presentation *presentation);

/* What is left of the command line when the options are taken; an array that ends with NULL, and owns its strings. */
struct operands {
	const char **items;
	int count;
};

enum parsed {
	PARSED,
	PARSED_HELP, /* help was asked for and given */
	PARSED_BAD,  /* said on standard error: exit with CODE_USAGE */
};

typedef enum taken (*option_fn)(void *data, const struct app *app, int code, const char *argument);

/*
 * Parse the options of app->command, the common ones included. @take gets all others (NULL when there are none).
 * An empty operand is refused here: it is an unset variable of a script, and never means "everything".
 */
enum parsed options_parse(struct app *app, int argc, const char **argv, option_fn take, void *data,
			  struct operands *out);
/* Parse the options before the command; operands begin with the command's name. *version: --version was given. */
enum parsed options_parse_global(struct app *app, int argc, const char **argv, bool *version, struct operands *out);
void operands_release(struct operands *operands);

/*
 * Called for each option of @table and of the tables that it includes, with the title of the group. @option is valid
 * during the call, the strings in it for ever.
 */
typedef void (*option_visit_fn)(void *data, const char *group, const struct poptOption *option);
void options_visit(const struct poptOption *table, const char *group, option_visit_fn visit, void *data);

#endif
