/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The book: the objects that are known. Two hashes lead to each: by identity, and by name. */
#include "events/book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t bucket_of(const struct ipc_book *book, struct ipc_key key)
{
	return ipc_key_hash(key) & (book->room - 1);
}

static size_t bucket_of_name(const struct ipc_book *book, struct ipc_bytes name)
{
	return ipc_hash(name.data, name.len) & (book->room - 1);
}

static void put(struct ipc_book *book, struct ipc_known *known)
{
	struct ipc_known **bucket = &book->buckets[bucket_of(book, known->key)];

	known->next = *bucket;
	*bucket = known;
}

static void put_name(struct ipc_book *book, struct ipc_known *known)
{
	struct ipc_known **bucket;

	if (!known->name.data)
		return;
	bucket = &book->named[bucket_of_name(book, known->name)];
	known->next_named = *bucket;
	*bucket = known;
}

static void take_name(struct ipc_book *book, struct ipc_known *known)
{
	struct ipc_known **at;

	if (!known->name.data)
		return;
	for (at = &book->named[bucket_of_name(book, known->name)]; *at != known; at = &(*at)->next_named)
		;
	*at = known->next_named;
	free((void *)known->name.data);
	known->name = IPC_NO_BYTES;
}

static int grow(struct ipc_book *book)
{
	struct ipc_book larger = {.room = book->room ? 2 * book->room : 64, .count = book->count};
	size_t i;

	larger.buckets = calloc(larger.room, sizeof(struct ipc_known *));
	larger.named = calloc(larger.room, sizeof(struct ipc_known *));
	if (!larger.buckets || !larger.named) {
		free(larger.buckets);
		free(larger.named);
		return -ENOMEM;
	}
	for (i = 0; i < book->room; i++) {
		struct ipc_known *known = book->buckets[i];

		while (known) {
			struct ipc_known *next = known->next;

			put(&larger, known);
			put_name(&larger, known);
			known = next;
		}
	}
	free(book->buckets);
	free(book->named);
	*book = larger;
	return 0;
}

struct ipc_known *ipc_book_find(const struct ipc_book *book, struct ipc_key key)
{
	struct ipc_known *known = book->room ? book->buckets[bucket_of(book, key)] : NULL;

	while (known && !ipc_key_equal(known->key, key))
		known = known->next;
	return known;
}

struct ipc_known *ipc_book_named(const struct ipc_book *book, unsigned raws, uint64_t ns, struct ipc_bytes name)
{
	struct ipc_known *known = book->room && name.data ? book->named[bucket_of_name(book, name)] : NULL;

	while (known && !(raws & 1u << known->raw && known->ns == ns && ipc_bytes_equal(known->name, name)))
		known = known->next_named;
	return known;
}

int ipc_book_rename(struct ipc_book *book, struct ipc_known *known, struct ipc_bytes name)
{
	char *copy = NULL;

	if (name.data) {
		copy = malloc(name.len + 1);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, name.data, name.len);
		copy[name.len] = '\0';
	}
	take_name(book, known);
	known->name = (struct ipc_bytes){copy, name.len};
	put_name(book, known);
	return 0;
}

struct ipc_known *ipc_book_add(struct ipc_book *book, struct ipc_key key, enum ipc_raw_kind raw, uint64_t ns,
			       struct ipc_bytes name)
{
	struct ipc_known *known = ipc_book_find(book, key);

	if (known)
		return known;
	if (book->count >= book->room && grow(book) < 0)
		return NULL;
	known = calloc(1, sizeof(*known));
	if (!known)
		return NULL;
	known->key = key;
	known->raw = raw;
	known->ns = ns;
	if (ipc_book_rename(book, known, name) < 0) {
		free(known);
		return NULL;
	}
	put(book, known);
	book->count++;
	return known;
}

void ipc_book_remove(struct ipc_book *book, struct ipc_known *known)
{
	struct ipc_known **at = &book->buckets[bucket_of(book, known->key)];

	while (*at != known)
		at = &(*at)->next;
	*at = known->next;
	take_name(book, known);
	free(known);
	book->count--;
}

int ipc_book_each(const struct ipc_book *book, int (*fn)(const struct ipc_known *known, void *data), void *data)
{
	const struct ipc_known *known;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < book->room; i++)
		for (known = book->buckets[i]; r == 0 && known; known = known->next)
			r = fn(known, data);
	return r;
}

void ipc_book_release(struct ipc_book *book)
{
	size_t i;

	for (i = 0; i < book->room; i++)
		while (book->buckets[i])
			ipc_book_remove(book, book->buckets[i]);
	free(book->buckets);
	free(book->named);
	*book = (struct ipc_book){0};
}
