/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list-queues: prints the message queues of this ipc namespace, System V and POSIX, with what is in them.
 *
 *	cc list-queues.c $(pkg-config --cflags --libs ipctool) -o list-queues
 *
 * One line per queue: its reference (which `ipctool show` takes), the number of messages, their bytes. The exit status
 * is 1 when the queues could not be read at all and 3 when some of them may be missing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ipctool/ipctool.h>

/* A name holds any byte that its creator chose: escape it before a terminal sees it. */
static void print_escaped(struct ipc_bytes bytes)
{
	char text[4096];

	ipc_escape(bytes.data, bytes.len, text, sizeof(text));
	fputs(text, stdout);
}

/* Field @name of @object as a number, or "-" where the kernel does not tell. */
static void print_count(const struct ipc_object *object, const char *name)
{
	struct ipc_value value;

	if (ipc_object_get_by_name(object, name, &value) < 0 || value.null)
		fputs("\t-", stdout);
	else
		printf("\t%" PRIu64, value.u);
}

/* Called for each queue as soon as it is known; @object is valid until it returns. */
static int print_queue(const struct ipc_object *object, void *data)
{
	struct ipc_value ref;

	(void)data;
	if (ipc_object_get_by_name(object, "ref", &ref) == 0 && !ref.null)
		print_escaped(ref.str);
	print_count(object, "messages");
	print_count(object, "bytes");
	putchar('\n');
	return 0; /* go on */
}

/* What could not be read, on standard error. Returns the exit status for it. */
static int report_problems(const struct ipc_query *query)
{
	struct ipc_problem problem;

	for (size_t i = 0; ipc_query_problem(query, i, &problem); i++)
		fprintf(stderr, "list-queues: %s: %s\n", problem.what,
			problem.error ? strerror(problem.error) : problem.why);
	return ipc_query_complete(query) ? 0 : 3;
}

int main(void)
{
	/* Only these are collected: a query costs what it asks for. */
	static const char *const fields[] = {"ref", "messages", "bytes"};
	struct ipc_query *query = NULL;
	struct ipc_ctx *ctx = NULL;
	int error, status = 1;

	error = ipc_ctx_new(&ctx);
	if (error < 0) {
		fprintf(stderr, "list-queues: %s\n", strerror(-error));
		return 1;
	}

	error = ipc_query_new(ctx, &query);
	if (error == 0)
		error = ipc_query_add(query, "mq", false);
	for (size_t i = 0; error == 0 && i < sizeof(fields) / sizeof(fields[0]); i++)
		error = ipc_query_want(query, fields[i]);
	if (error == 0)
		error = ipc_query_run(query, print_queue, NULL);

	if (error < 0)
		fprintf(stderr, "list-queues: %s: %s\n", ipc_ctx_error(ctx), strerror(-error));
	else
		status = report_problems(query);

	ipc_query_free(query);
	ipc_ctx_unref(ctx);
	return fflush(stdout) == 0 ? status : 1;
}
