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

static void put(struct ipc_known **bucket, struct ipc_known *known)
{
	known->next = *bucket;
	known->at = bucket;
	if (known->next)
		known->next->at = &known->next;
	*bucket = known;
}

static void take(struct ipc_known *known)
{
	*known->at = known->next;
	if (known->next)
		known->next->at = known->at;
}

static void put_name(struct ipc_known **bucket, struct ipc_known *known)
{
	known->next_named = *bucket;
	known->at_named = bucket;
	if (known->next_named)
		known->next_named->at_named = &known->next_named;
	*bucket = known;
}

static void take_name(struct ipc_known *known)
{
	if (!known->name.data)
		return;
	*known->at_named = known->next_named;
	if (known->next_named)
		known->next_named->at_named = known->at_named;
	free((void *)known->name.data);
	known->name = IPC_NO_BYTES;
}

/* Each bucket's objects go to two of the larger book. Of one name the latest has to stay the first. */
static void move(const struct ipc_book *from, const struct ipc_book *to, size_t bucket)
{
	struct ipc_known **at[2] = {&to->named[bucket], &to->named[bucket + from->room]}, *known, *next;

	for (known = from->buckets[bucket]; known; known = next) {
		next = known->next;
		put(&to->buckets[bucket_of(to, known->key)], known);
	}
	for (known = from->named[bucket]; known; known = next) {
		size_t half = bucket_of_name(to, known->name) != bucket;

		next = known->next_named;
		put_name(at[half], known);
		at[half] = &known->next_named;
	}
}

static int grow(struct ipc_book *book)
{
	struct ipc_book larger = *book, old = *book;
	size_t i;

	larger.room = book->room ? 2 * book->room : 64;
	larger.buckets = calloc(larger.room, sizeof(struct ipc_known *));
	larger.named = calloc(larger.room, sizeof(struct ipc_known *));
	if (!larger.buckets || !larger.named) {
		free(larger.buckets);
		free(larger.named);
		return -ENOMEM;
	}
	for (i = 0; i < old.room; i++)
		move(&old, &larger, i);
	*book = larger;
	free(old.buckets);
	free(old.named);
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

	while (known && !(raws & 1u << known->raw && (ns == IPC_ANY_NS || known->ns == ns) &&
			  ipc_bytes_equal(known->name, name)))
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
	take_name(known);
	if (!copy)
		return 0;
	known->name = (struct ipc_bytes){copy, name.len};
	put_name(&book->named[bucket_of_name(book, known->name)], known);
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
	put(&book->buckets[bucket_of(book, key)], known);
	book->count++;
	return known;
}

static void remember_gone(struct ipc_book *book, const struct ipc_known *known)
{
	if (known->has_sysv_key)
		book->gone[book->gone_count++ % IPC_BOOK_GONE] = (struct ipc_gone){known->key, known->sysv_key};
}

bool ipc_book_gone_key(const struct ipc_book *book, struct ipc_key key, uint32_t *sysv_key)
{
	size_t kept = book->gone_count < IPC_BOOK_GONE ? book->gone_count : IPC_BOOK_GONE, i;

	/* The latest first: an identifier comes again some day. */
	for (i = 1; i <= kept; i++) {
		const struct ipc_gone *gone = &book->gone[(book->gone_count - i) % IPC_BOOK_GONE];

		if (ipc_key_equal(gone->key, key)) {
			*sysv_key = gone->sysv_key;
			return true;
		}
	}
	return false;
}

void ipc_book_remove(struct ipc_book *book, struct ipc_known *known)
{
	remember_gone(book, known);
	take(known);
	take_name(known);
	free((void *)known->aside.data);
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

void ipc_book_sweep(struct ipc_book *book, unsigned raws, uint32_t look)
{
	size_t i;

	for (i = 0; i < book->room; i++) {
		struct ipc_known *known = book->buckets[i], *next;

		for (; known; known = next) {
			next = known->next;
			if (known->look < look && raws & 1u << known->raw)
				ipc_book_remove(book, known);
		}
	}
}

void ipc_book_release(struct ipc_book *book)
{
	size_t i;

	for (i = 0; i < book->room; i++) {
		struct ipc_known *known = book->buckets[i], *next;

		for (; known; known = next) {
			next = known->next;
			free((void *)known->name.data);
			free((void *)known->aside.data);
			free(known);
		}
	}
	free(book->buckets);
	free(book->named);
	*book = (struct ipc_book){0};
}
