/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manifest of an archive: a line with its version, then a stanza of NAME=VALUE lines for each object, ended by an
 * empty line. Values are printable ASCII, in which \xHH stands for any other byte and for the backslash.
 */
#ifndef CMD_MANIFEST_H
#define CMD_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

#define MANIFEST_NAME "manifest"

/* A setting as ipc_settings_put() takes it. */
struct manifest_setting {
	char *name, *value;
};

/* An object. Texts are as the manifest has them: escaped. Zero-initialised is empty. */
struct manifest_entry {
	char *object;    /* its reference when it was dumped */
	char *handle;    /* NULL: not known */
	char *kind;      /* "mq/sysv" */
	char *create;    /* what ipc_create() takes to make it again; NULL: nothing can, */
	char *cannot;    /* for this reason */
	char *file;      /* what it contained; a name without a slash */
	uint64_t bytes;  /* of that file */
	uint64_t count;  /* messages or entries in it */
	bool torn;       /* it changed while it was read */
	bool cut;        /* only a part of it was asked for */
	char *unreached; /* how much was known to be there and could not be read, or "unknown"; NULL: nothing */
	char *source;    /* by which way it was read; NULL: not known */
	char *dumped;    /* when, in UTC */
	struct manifest_setting *settings;
	size_t setting_count;
};

/* Both take copies. */
void manifest_set(char **at, const char *value);
void manifest_add_setting(struct manifest_entry *entry, const char *name, const char *value);
/* The value of the setting called @name, or NULL. */
const char *manifest_setting(const struct manifest_entry *entry, const char *name);
void manifest_entry_release(struct manifest_entry *entry);

/* What a manifest begins with, and the stanza of an object. */
void manifest_append_version(struct text *out);
void manifest_append(struct text *out, const struct manifest_entry *entry);

struct manifest {
	struct manifest_entry *entries;
	size_t count;
	bool cut_off; /* the last stanza has no end, and was left out: whoever wrote it was stopped */
};

/*
 * Read @data, which may come from anybody. False, with "line N: ..." in @why, when it is no manifest. Give back with
 * manifest_release() in any case.
 */
bool manifest_parse(struct manifest *out, const char *data, size_t size, struct text *why);
void manifest_release(struct manifest *manifest);

#endif
