/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The option tables that commands share, and the words that some options take. */
#include "options.h"

const struct word color_words[] = {
	[WHEN_AUTO] = {"auto", "on a terminal, unless NO_COLOR is set"},
	[WHEN_ALWAYS] = {"always", "wherever the output goes"},
	[WHEN_NEVER] = {"never", "plain text"},
	{NULL, NULL},
};

const struct word time_words[] = {
	[TIME_SHORT] = {"short", "day and minute, or the date when long ago"},
	[TIME_ISO] = {"iso", "2026-01-02T03:04:05+01:00"},
	[TIME_RELATIVE] = {"relative", "3d4h ago"},
	[TIME_FULL] = {"full", "weekday, nanoseconds and zone"},
	[TIME_CLOCK] = {"clock", "14:03:27.125, the time of day"},
	{NULL, NULL},
};

const struct word state_words[] = {
	{"held", "a holder, attachment, waiter or blocked opener was seen"},
	{"unknown", "what could contradict the other states could not be read"},
	{"orphan", "proven unused, and all users on record are dead"},
	{"suspect", "nobody seen, but the kernel keeps no count for this kind"},
	{"idle", "proven unused now"},
	{NULL, NULL},
};

const struct word source_words[] = {
	[IPC_HOLDERS_AUTO] = {"auto", "whichever of those that work is expected to be cheaper"},
	[IPC_HOLDERS_BPF] = {"bpf", "BPF iterators"},
	[IPC_HOLDERS_PROC] = {"proc", "/proc/PID/fd and /proc/PID/maps"},
	{NULL, NULL},
};

/* In the order of the bits of enum ipc_clean_include. */
const struct word include_words[] = {
	{"suspect", "nobody was seen to use it, and the users on record are dead"},
	{"idle", "nobody uses it now"},
	{NULL, NULL},
};

const struct word force_words[] = {
	{"unknown", "also where a user could not be excluded"},
	{"held", "also what is in use"},
	{NULL, NULL},
};

/* What "--type" of `create` takes. */
const struct word socket_words[] = {
	{"stream", "bytes, over connections"},
	{"dgram", "messages, without connections"},
	{"seqpacket", "messages, over connections"},
	{NULL, NULL},
};

const struct word content_words[] = {
	[CONTENT_RAW] = {"raw", "the bytes as they are"},
	[CONTENT_HEX] = {"hex", "as hexdump -C shows them"},
	[CONTENT_TEXT] = {"text", "lines as they are, and what does not print as \\xHH"},
	[CONTENT_JSON] = {"json", "one JSON document"},
	[CONTENT_BASE64] = {"base64", "for what takes only text"},
	{NULL, NULL},
};

/* In the order of enum ipc_event_source. */
const struct word event_source_words[] = {
	[IPC_EVENTS_AUTO] = {"auto", "BPF where it can be had, else netlink"},
	[IPC_EVENTS_BPF] = {"bpf", "functions of the kernel where it allows that, else tracepoints"},
	[IPC_EVENTS_FENTRY] = {"fentry", "BPF behind the few functions of the kernel concerned"},
	[IPC_EVENTS_TRACEPOINT] = {"tracepoint", "BPF behind tracepoints of system calls"},
	[IPC_EVENTS_NETLINK] = {"netlink", "without BPF: netlink, inotify, and looking again"},
	{NULL, NULL},
};

/* What can be asked for with "--verb": the names are those of the library. */
const struct word event_verb_words[] = {
	{"create", "it comes into being, or gets its name"},
	{"open", "somebody gets hold of one that exists"},
	{"attach", "memory is mapped"},
	{"send", "a message, bytes"},
	{"receive", "the same taken out; a signal that is delivered"},
	{"wait", "a call begins to sleep"},
	{"wake", "that call goes on, or fails"},
	{"change", "owner, mode, limits, name, values of semaphores"},
	{"bind", "a socket gets an address"},
	{"listen", "a socket takes connections"},
	{"connect", "a connection is asked for"},
	{"accept", "a connection is taken"},
	{"detach", "memory is unmapped"},
	{"close", "somebody gives it up"},
	{"remove", "its name goes, or it itself"},
	{"signal", "a signal is sent"},
	{NULL, NULL},
};

const struct poptOption common_options[] = {
	OPTION_WITH("color", '\0', OPTION_COLOR, "colours: auto, always or never", "WHEN"),
	OPTION_WITH("holders-from", '\0', OPTION_HOLDERS_FROM, "where holders are read from: auto, bpf or proc",
		    "SOURCE"),
	OPTION_FLAG("verbose", 'v', OPTION_VERBOSE,
		    "say on standard error which source gave the holders, or the events"),
	OPTION_FLAG("help", 'h', OPTION_HELP, "this help"),
	OPTIONS_END,
};

const struct poptOption global_options[] = {
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)common_options, 0, NULL, NULL},
	OPTION_FLAG("version", 'V', OPTION_VERSION, "version and optional parts of this build"),
	OPTIONS_END,
};

const struct poptOption choosing_options[] = {
	OPTION_WITH("owner", '\0', OPTION_OWNER, "objects of this user; again: or of this one", "USER|UID"),
	OPTION_WITH("holder", '\0', OPTION_HOLDER, "objects that this process has open, mapped or attached",
		    "PID|COMM"),
	OPTION_WITH("state", '\0', OPTION_STATE, "held, unknown, orphan, suspect or idle; several with commas",
		    "STATE"),
	OPTION_WITH("older-than", '\0', OPTION_OLDER_THAN, "last changed longer ago than this: 10m, 2h, 1d",
		    "DURATION"),
	OPTION_WITH("larger-than", '\0', OPTION_LARGER_THAN, "larger than this: 4096, 64K, 1M", "SIZE"),
	OPTION_WITH("match", '\0', OPTION_MATCH, "name fits this shell pattern; again: or this one", "GLOB"),
	OPTION_WITH("filter", '\0', OPTION_FILTER, "expression over the fields, see ipctool-filter(5)", "EXPR"),
	OPTION_WITH("scan", '\0', OPTION_SCAN, "look for FIFOs and socket files below DIR too", "DIR"),
	OPTION_WITH("namespace", '\0', OPTION_NAMESPACE, "look into the namespaces of a process, or a namespace file",
		    "PID|FILE"),
	OPTION_FLAG("all-namespaces", '\0', OPTION_ALL_NAMESPACES, "look into every ipc, net and mount namespace"),
	OPTION_WITH("evidence", '\0', OPTION_EVIDENCE,
		    "judge by what 'monitor --record' wrote there as well; again: and by this", "FILE"),
	OPTION_FLAG("literal", '\0', OPTION_LITERAL, "take references as they stand: \\xHH is not decoded"),
	OPTIONS_END,
};

const struct poptOption selection_options[] = {
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)choosing_options, 0, NULL, NULL},
	OPTION_FLAG("all", 'a', OPTION_ALL, "everything but signals"),
	OPTIONS_END,
};

const struct poptOption presentation_options[] = {
	OPTION_WITH("output", 'o', OPTION_OUTPUT, "columns, separated by commas; +LIST adds to the default ones",
		    "LIST|+LIST"),
	OPTION_FLAG("list-columns", 'H', OPTION_LIST_COLUMNS, "list the columns there are"),
	OPTION_FLAG("noheadings", 'n', OPTION_NO_HEADINGS, "no line of headings"),
	OPTION_FLAG("bytes", 'b', OPTION_BYTES, "sizes in bytes"),
	OPTION_WITH("sort", '\0', OPTION_SORT, "sort by this field, descending with -; several with commas",
		    "[-]FIELD"),
	OPTION_FLAG("tree", '\0', OPTION_TREE, "processes under their objects, sockets under their listener"),
	OPTION_WITH("time-format", '\0', OPTION_TIME_FORMAT, "times for people: short, iso, relative, full or clock",
		    "FORMAT"),
	OPTION_FLAG("notruncate", '\0', OPTION_NO_TRUNCATE, "do not cut columns to the width of the terminal"),
	OPTION_FLAG("json", 'J', OPTION_JSON, "one JSON document"),
	OPTION_FLAG("jsonl", '\0', OPTION_JSON_LINES, "one JSON object per line, as soon as it is known"),
	OPTION_FLAG("raw", 'r', OPTION_RAW, "one line per object, fields separated by one tab"),
	OPTION_FLAG("refs", 'q', OPTION_REFS, "references only"),
	OPTION_FLAG("count", '\0', OPTION_COUNT, "the number of objects only"),
	OPTION_FLAG("strict", '\0', OPTION_STRICT, "exit 3 when a missing privilege hides anything"),
	OPTIONS_END,
};
