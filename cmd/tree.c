/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees: which line hangs under which, and the drawing before it. */
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>

#include "tree.h"

const char *const tree_fields[] = {"ref", "holders", "peers", "listener", NULL};

struct strokes {
	const char *child, *last, *pass, *blank; /* each two columns wide */
};

static const struct strokes unicode = {"├─", "└─", "│ ", "  "}, ascii = {"|-", "`-", "| ", "  "};

struct node {
	const struct ipc_object *object;
	struct ipc_bytes ref;
	struct node *children, *tail, *next; /* sockets that came from this listener */
	bool child;
};

struct tree {
	struct renderer *renderer;
	const struct strokes *strokes;
	struct node *nodes; /* in the order of the set */
	struct node **by_ref;
	size_t count;
	struct text label;
};

static int compare_bytes(struct ipc_bytes a, struct ipc_bytes b)
{
	int order = memcmp(a.data ? a.data : "", b.data ? b.data : "", a.len < b.len ? a.len : b.len);

	return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int compare_nodes(const void *a, const void *b)
{
	return compare_bytes((*(struct node *const *)a)->ref, (*(struct node *const *)b)->ref);
}

static struct node *find(const struct tree *tree, struct ipc_bytes ref)
{
	struct node key = {.ref = ref}, *at = &key, **found;

	found = bsearch(&at, tree->by_ref, tree->count, sizeof(at), compare_nodes);
	return found ? *found : NULL;
}

static bool get(const struct ipc_object *object, const char *name, struct ipc_value *out)
{
	return !ipc_object_get_by_name(object, name, out) && !out->null;
}

static void plant(struct tree *tree, const struct ipc_set *set)
{
	struct ipc_value value;
	size_t i;

	tree->count = ipc_set_count(set);
	tree->nodes = xcalloc(tree->count, sizeof(*tree->nodes));
	tree->by_ref = xcalloc(tree->count, sizeof(*tree->by_ref));
	for (i = 0; i < tree->count; i++) {
		tree->nodes[i].object = ipc_set_get(set, i);
		if (get(tree->nodes[i].object, "ref", &value))
			tree->nodes[i].ref = value.str;
		tree->by_ref[i] = &tree->nodes[i];
	}
	qsort(tree->by_ref, tree->count, sizeof(*tree->by_ref), compare_nodes);
	for (i = 0; i < tree->count; i++) {
		struct node *node = &tree->nodes[i], *parent;

		if (!get(node->object, "listener", &value) || value.type != IPC_TYPE_STRING)
			continue;
		parent = find(tree, value.str);
		/* One level: a listener has none itself, and whatever the data say there is no loop. */
		if (!parent || parent == node || parent->child || node->children)
			continue;
		node->child = true;
		if (parent->children)
			parent->tail->next = node;
		else
			parent->children = node;
		parent->tail = node;
	}
}

static bool same_process(const struct ipc_value *list, size_t a, size_t b)
{
	const struct ipc_field *field = ipc_record_find(list->list.of, "pid");
	struct ipc_value x, y;

	return field && !ipc_value_member(list, a, field, &x) && !ipc_value_member(list, b, field, &y) && !x.null &&
	       !y.null && x.i == y.i;
}

static size_t count_processes(const struct ipc_value *list)
{
	size_t count = 0, i;

	for (i = 0; i < list->list.count; i++)
		count += !i || !same_process(list, i - 1, i);
	return count;
}

static bool append_member(struct tree *tree, const struct ipc_value *list, size_t index, const char *name,
			  const char *before)
{
	const struct ipc_field *field = ipc_record_find(list->list.of, name);
	struct ipc_value value;

	if (!field || ipc_value_member(list, index, field, &value) || value.null)
		return false;
	text_string(&tree->label, before);
	format_value(&tree->label, &value, &tree->renderer->style);
	return true;
}

/* "4711(nginx) fd 3 r, map rw" */
static size_t label_process(struct tree *tree, const struct ipc_value *list, size_t index)
{
	size_t i;

	text_clear(&tree->label);
	if (!append_member(tree, list, index, "pid", ""))
		text_char(&tree->label, '?');
	if (append_member(tree, list, index, "comm", "("))
		text_char(&tree->label, ')');
	for (i = index; i < list->list.count && (i == index || same_process(list, index, i)); i++) {
		append_member(tree, list, i, "how", i == index ? " " : ", ");
		append_member(tree, list, i, "fd", " ");
		append_member(tree, list, i, "access", " ");
	}
	return i;
}

static bool line(struct tree *tree, const struct ipc_object *object, const char *outer, bool last, const char *label)
{
	char drawing[32];

	snprintf(drawing, sizeof(drawing), "%s%s", outer, last ? tree->strokes->last : tree->strokes->child);
	return tree->renderer->ops->branch(tree->renderer, object, drawing, *outer ? 4 : 2, label);
}

static bool draw_below(struct tree *tree, const struct node *node, const char *outer)
{
	struct ipc_value holders = {0}, peers = {0};
	size_t left, i;
	const struct node *child;

	if (!get(node->object, "holders", &holders))
		holders.list.count = 0;
	if (!get(node->object, "peers", &peers))
		peers.list.count = 0;
	left = count_processes(&holders) + peers.list.count;
	for (child = node->children; child; child = child->next)
		left++;

	for (i = 0; i < holders.list.count;) {
		i = label_process(tree, &holders, i);
		if (!line(tree, NULL, outer, --left == 0, text_cstr(&tree->label)))
			return false;
	}
	for (i = 0; i < peers.list.count; i++) {
		text_clear(&tree->label);
		text_string(&tree->label, "peer");
		append_member(tree, &peers, i, "ref", " ");
		append_member(tree, &peers, i, "holders", " ");
		if (!line(tree, NULL, outer, --left == 0, text_cstr(&tree->label)))
			return false;
	}
	for (child = node->children; child; child = child->next) {
		bool last = --left == 0;

		if (!line(tree, child->object, outer, last, NULL) ||
		    !draw_below(tree, child, last ? tree->strokes->blank : tree->strokes->pass))
			return false;
	}
	return true;
}

bool tree_draw(struct renderer *renderer, const struct ipc_set *set)
{
	struct tree tree = {.renderer = renderer};
	bool more = true;
	size_t i;

	tree.strokes = strcmp(nl_langinfo(CODESET), "UTF-8") ? &ascii : &unicode;
	plant(&tree, set);
	for (i = 0; i < tree.count && more; i++)
		if (!tree.nodes[i].child)
			more = renderer->ops->branch(renderer, tree.nodes[i].object, NULL, 0, NULL) &&
			       draw_below(&tree, &tree.nodes[i], "");
	free(tree.nodes);
	free(tree.by_ref);
	text_release(&tree.label);
	return more;
}
