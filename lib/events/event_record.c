/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of what an event is: its verbs, its fields, its detail, and the kind that makes it readable as an object. */
#include <string.h>

#include "events/event.h"
#include "model/bytes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const verb_names[IPC_EVENT_VERBS] = {
	[IPC_EVENT_EXISTS] = "exists", [IPC_EVENT_CREATE] = "create", [IPC_EVENT_OPEN] = "open",
	[IPC_EVENT_ATTACH] = "attach", [IPC_EVENT_SEND] = "send",     [IPC_EVENT_RECEIVE] = "receive",
	[IPC_EVENT_WAIT] = "wait",     [IPC_EVENT_WAKE] = "wake",     [IPC_EVENT_CHANGE] = "change",
	[IPC_EVENT_BIND] = "bind",     [IPC_EVENT_LISTEN] = "listen", [IPC_EVENT_CONNECT] = "connect",
	[IPC_EVENT_ACCEPT] = "accept", [IPC_EVENT_DETACH] = "detach", [IPC_EVENT_CLOSE] = "close",
	[IPC_EVENT_REMOVE] = "remove", [IPC_EVENT_SIGNAL] = "signal", [IPC_EVENT_LOST] = "lost",
};

const char *ipc_event_verb_name(enum ipc_event_verb verb)
{
	return (size_t)verb < COUNT(verb_names) ? verb_names[verb] : NULL;
}

enum ipc_event_verb ipc_event_verb_find(const char *name)
{
	int verb = 0;

	while (verb < IPC_EVENT_VERBS && strcmp(verb_names[verb], name) != 0)
		verb++;
	return (enum ipc_event_verb)verb;
}

#define DETAIL(member, kind_of, text) IPC_FIELD(ipc_event_detail, member, kind_of, text)

static const struct ipc_field detail_fields[] = {
	DETAIL(bytes, SIZE, "bytes that were sent or received"),
	DETAIL(messages, UINT, "messages that one call passed (sendmmsg, recvmmsg)"),
	DETAIL(type, INT, "type of a System V message"),
	DETAIL(priority, UINT, "priority of a POSIX message"),
	DETAIL(index, UINT, "number of the semaphore in its set"),
	DETAIL(adjust, INT, "what was added to the semaphore; 0: it was waited for to be zero"),
	DETAIL(value, INT, "what the semaphore was set to"),
	DETAIL(undo, BOOL, "the kernel gives it back when the process ends (SEM_UNDO)"),
	DETAIL(more, UINT, "so many operations of the same call come behind it, and are not told of"),
	DETAIL(mode, MODE, "permission bits asked for"),
	DETAIL(size, SIZE, "size asked for; of a set the number of semaphores"),
	DETAIL(access, STRING, "r, w or rw"),
	DETAIL(fd, INT, "file descriptor"),
	DETAIL(address, ADDRESS, "where memory is mapped"),
	DETAIL(first, BOOL, "nobody had it open before"),
	DETAIL(last, BOOL, "nobody has it open any more"),
	DETAIL(local, STRING, "address of the socket"),
	DETAIL(peer, STRING, "address, or reference, of the other end"),
	DETAIL(status, STRING, "the state that a connection comes into; locked or unlocked: of a segment; ignored, pending, overflow: of a signal"),
	DETAIL(backlog, UINT, "connections that may wait to be accepted"),
	DETAIL(shutdown, STRING, "directions that are closed: r, w or rw"),
	DETAIL(signal, STRING, "name of the signal"),
	DETAIL(target, STRING, "command name of the process that is signalled"),
	DETAIL(thread, INT, "the one thread that the signal is for"),
	DETAIL(renamed, STRING, "the new name"),
	DETAIL(waited, DURATION, "how long the call slept"),
	{.name = "errno",
	 .type = IPC_TYPE_INT,
	 .offset = offsetof(struct ipc_event_detail, error),
	 .help = "why the call failed, as a number"},
	DETAIL(why, STRING, "the same in words"),
	DETAIL(lost, UINT, "events that could not be kept"),
	DETAIL(since, TIME, "when the first of them happened"),
};

static const struct ipc_record detail_record = {
	.name = "detail",
	.size = sizeof(struct ipc_event_detail),
	.fields = detail_fields,
	.count = COUNT(detail_fields),
};

#define FIELD(member, kind_of, text) IPC_FIELD(ipc_event, member, kind_of, text)
/* What the object that it is about is called. */
#define OF_OBJECT(text_name, member, kind_of, text)                                                            \
	{                                                                                                      \
		.name = (text_name), .type = IPC_TYPE_##kind_of, .offset = offsetof(struct ipc_event, member), \
		.help = (text)                                                                                 \
	}

static const struct ipc_field event_fields[] = {
	FIELD(time, TIME, "when it happened"),
	FIELD(verb, STRING, "what was done: create, open, send, remove"),
	OF_OBJECT("ref", base.ref, STRING, "reference of the object"),
	OF_OBJECT("class", base.class_name, STRING, "class of the object"),
	OF_OBJECT("kind", base.kind_name, STRING, "mechanism within the class"),
	OF_OBJECT("name", base.name, STRING, "name or path of the object"),
	OF_OBJECT("id", base.id, UINT, "System V identifier; for signals the process"),
	OF_OBJECT("key", base.key, KEY, "System V key"),
	OF_OBJECT("inode", base.inode, UINT, "inode number"),
	OF_OBJECT("device", base.device, STRING, "device of the inode, major:minor"),
	OF_OBJECT("namespace", base.namespace_inode, UINT, "inode of the namespace that the object lives in"),
	FIELD(pid, INT, "process that did it; not known for one outside this /proc"),
	FIELD(tid, INT, "its thread"),
	FIELD(comm, STRING, "its command name"),
	OF_OBJECT("uid", base.uid, UINT, "effective user id of the process"),
	{.name = "detail",
	 .type = IPC_TYPE_RECORD,
	 .offset = offsetof(struct ipc_event, detail),
	 .of = &detail_record,
	 .help = "what else there is to say: bytes, type, mode, errno"},
};

static const struct ipc_record event_record = {
	.name = "event",
	.size = sizeof(struct ipc_event),
	.fields = event_fields,
	.count = COUNT(event_fields),
};

static const struct ipc_class ipc_class_event = {
	.name = "event",
	.help = "what happens to objects",
	.columns = "time,verb,ref,class,kind,name,pid,tid,comm,uid,detail",
	.record = &event_record,
};

const struct ipc_kind ipc_kind_event = {
	.name = "event",
	.help = "something that happens to an object",
	.cls = &ipc_class_event,
};

const struct ipc_kind *ipc_event_kind(void)
{
	return &ipc_kind_event;
}

enum ipc_event_verb ipc_event_verb(const struct ipc_object *event)
{
	return ((const struct ipc_event *)event)->did;
}

void ipc_event_init(struct ipc_event *event, enum ipc_event_verb verb)
{
	memset(event, 0, sizeof(*event));
	ipc_record_init(&event_record, event);
	ipc_record_init(&detail_record, &event->details);
	event->base.of_class = &ipc_class_event;
	event->base.of_kind = &ipc_kind_event;
	event->did = verb;
	event->verb = ipc_bytes_of(verb_names[verb]);
	event->detail = (struct ipc_list){&event->details, 1};
}
