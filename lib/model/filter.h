/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The expression language of --filter: class == "shm" and size >= 64M and not holders. */
#ifndef IPC_MODEL_FILTER_H
#define IPC_MODEL_FILTER_H

#include "model/bytes.h"
#include "model/object.h"

/*
 * The language, which ipctool-filter(5) explains to users:
 *
 *   expression  or, || of and, && of: not X, ! X, ( X ), FIELD, FIELD OP VALUE
 *   FIELD       a name in any case; NAME.MEMBER for the entries of a list of records: holders.pid, peers.holders.comm
 *   OP          == != < <= > >= =~ !~
 *   VALUE       "text", 'text', or a word without blanks, quotes, parentheses and ! = < > & |
 *
 * - A field alone holds when it is known and not empty: text and lists of some length, numbers but 0, true.
 * - A value is read by the type of its field: 64M, 1h30m, 2026-01-02T03:04:05Z, 0x52e2c1, 0600 (octal), -1, true.
 * - In text, \xHH stands for that byte, and a backslash before the kind of quote that is open for the quote; any other
 *   backslash is an error. Text compares byte by byte. =~ takes a POSIX extended regular expression, found anywhere in
 *   the text; there \xHH means that byte and nothing special, and other backslashes are the expression's own.
 * - Lists of text (status, evidence): == and =~ hold when some entry does; < <= > >= compare the number of entries.
 * - Lists of records (holders): all comparisons are with the number of entries. With a member, some entry must hold.
 * - != is exactly not ==, and !~ not =~: for lists "no entry". So both hold for what is not known or what a kind does
 *   not have, and every other comparison with it does not.
 * - Parentheses and "not" nest up to 200 deep.
 */
struct ipc_filter;

/*
 * How a filter learns of fields: returns the field called @name (lower case) of any record, with @needs (may be NULL)
 * the needs of all fields of that name; NULL when no kind has one. Fields of one name must have one type.
 */
typedef const struct ipc_field *(*ipc_filter_lookup)(const char *name, unsigned *needs, void *data);

/*
 * Parse @text. Literals take the type of the field they are compared with, and must fit it.
 * Returns 0, -ENOMEM or -EINVAL with one line in @why (appended) that names the column:
 * "column 9: unknown field 'sise' (did you mean 'size'?)".
 */
int ipc_filter_parse(const char *text, ipc_filter_lookup lookup, void *data, struct ipc_filter **out,
		     struct ipc_buf *why);
/* All needs of its fields. */
unsigned ipc_filter_needs(const struct ipc_filter *filter);
/*
 * Does it hold for @object? Fields are looked up by name in the object's own record; one it lacks is null.
 * Remembers where it found them: two threads must not test with one filter at once.
 */
bool ipc_filter_test(const struct ipc_filter *filter, const struct ipc_object *object, const struct ipc_record *record);
void ipc_filter_free(struct ipc_filter *filter);

#endif
