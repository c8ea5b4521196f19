/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `clean --apply` against programs that come back all the time: each user is a process of its own, which opens, attaches or
 * binds what it finds or makes it anew, has it for a while, and dies, so that everything is garbage again and again, between
 * any two looks of the cleaner. Whoever has something that had its name when he got it, and sees it lose that name, has
 * caught the cleaner.
 *
 * Where the kernel can be asked for a lease nothing is excused. For System V the moment between the last look and the
 * removal remains: what was taken into use GRACE before it went is counted, and more than that is a failure. RACE_SECONDS and
 * RACE_USERS change the size.
 */
#include <inttypes.h>
#include <limits.h>
#include <mqueue.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clean_stage.h"

#define OBJECTS 200
#define BALLAST 1000 /* pieces of garbage beside them, so that a run takes its time */
#define USERS 16
#define USERS_MAX 64
#define SECONDS 2
#define GRACE 0.020
#define HOLD 300 /* ms at most */
#define POLL 0.001
#define KEY 0x72616300

/* What one user has. */
struct use {
	unsigned number, user;
	char path[64];
	int id, fd;
	void *memory;
	ino_t inode;
};

enum got {
	GOT_IT,
	GOT_NOTHING, /* it went while it was being opened, or somebody else was faster */
	GOT_LOST,    /* it has no name any more */
};

struct kind {
	const char *name, *directory;
	const char *arguments[10];
	double grace;
	/* Open it, or make it; sometimes put another one in its place. */
	enum got (*get)(struct use *use);
	/* Has it its name still? */
	bool (*is_there)(const struct use *use);
	/* All else goes with the process. */
	void (*leave)(struct use *use);
};

struct counts {
	_Atomic unsigned long uses, made, lost, window, caught, replaced;
	_Atomic unsigned latest; /* microseconds after it was taken into use */
	_Atomic bool over;
};

static struct counts *counts;
static const struct kind *kind;

/* ---- System V ---------------------------------------------------------------------------------------------------- */

static enum got got_sysv(const struct use *use, int error)
{
	if (use->id >= 0 && !error)
		return GOT_IT;
	if (error == EINVAL || error == EIDRM || error == ENOENT || error == EEXIST)
		return GOT_NOTHING;
	errno = error;
	die(kind->name);
	return GOT_NOTHING;
}

static enum got get_segment(struct use *use)
{
	use->id = shmget(KEY + (key_t)use->number, 4096, IPC_CREAT | 0600);
	if (use->id < 0)
		return got_sysv(use, errno);
	use->memory = shmat(use->id, NULL, 0);
	if (use->memory == (void *)-1)
		return got_sysv(use, errno);
	return GOT_IT;
}

static bool segment_is_there(const struct use *use)
{
	struct shmid_ds ds;

	return shmctl(use->id, IPC_STAT, &ds) == 0 && !(ds.shm_perm.mode & SHM_DEST);
}

static void leave_segment(struct use *use)
{
	shmdt(use->memory);
}

/* The token is taken with SEM_UNDO: that it is to be given back is all that shows a user. */
static enum got get_set(struct use *use)
{
	struct sembuf up = {0, 2, 0}, take = {0, -1, SEM_UNDO | IPC_NOWAIT};

	use->id = semget(KEY + (key_t)use->number, 1, IPC_CREAT | 0600);
	if (use->id < 0)
		return got_sysv(use, errno);
	if (semop(use->id, &up, 1) < 0 || semop(use->id, &take, 1) < 0)
		return got_sysv(use, errno);
	return GOT_IT;
}

static bool set_is_there(const struct use *use)
{
	return semctl(use->id, 0, GETVAL) >= 0;
}

/* A message that nobody has received is what it is used for. */
static enum got get_queue(struct use *use)
{
	struct {
		long type;
		char text[4];
	} message = {use->user + 1, "text"};

	use->id = msgget(KEY + (key_t)use->number, IPC_CREAT | 0600);
	if (use->id < 0)
		return got_sysv(use, errno);
	if (msgsnd(use->id, &message, 4, IPC_NOWAIT) < 0)
		return got_sysv(use, errno == EAGAIN ? EEXIST : errno);
	return GOT_IT;
}

static bool queue_is_there(const struct use *use)
{
	struct msqid_ds ds;

	return msgctl(use->id, IPC_STAT, &ds) == 0;
}

static void leave_queue(struct use *use)
{
	struct {
		long type;
		char text[4];
	} message;

	if (msgrcv(use->id, &message, 4, use->user + 1, IPC_NOWAIT) < 0 && errno != EIDRM && errno != EINVAL)
		die("msgrcv");
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

/*
 * Objects with the first numbers are one user's alone, who replaces them by new ones that are in use already. The others are
 * everybody's.
 */
static bool is_private(const struct use *use)
{
	return use->number < OBJECTS / 4;
}

static bool replaces(struct use *use, char temporary[80])
{
	if (!is_private(use) || dice(2))
		return false;
	snprintf(temporary, 80, "%s.%u", use->path, use->user);
	atomic_fetch_add(&counts->replaced, 1);
	return true;
}

static enum got took_place(const char *temporary, const char *path)
{
	if (rename(temporary, path) < 0)
		die(temporary);
	return GOT_IT;
}

static bool file_is_there(const struct use *use)
{
	struct stat st;

	return fstat(use->fd, &st) == 0 && st.st_nlink > 0;
}

static enum got get_memory(struct use *use)
{
	char temporary[80];
	bool new = replaces(use, temporary);

	use->fd = open(new ? temporary : use->path, O_RDWR | O_CREAT, 0600);
	if (use->fd < 0)
		die(use->path);
	if (ftruncate(use->fd, 4096) < 0)
		die("ftruncate");
	use->memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, use->fd, 0);
	if (use->memory == MAP_FAILED)
		die("mmap");
	return new ? took_place(temporary, use->path) : GOT_IT;
}

/* By the mapping alone. */
static enum got get_mapping(struct use *use)
{
	enum got got = get_memory(use);

	if (!file_is_there(use))
		return GOT_LOST;
	use->inode = 0;
	close(use->fd);
	use->fd = -1;
	return got;
}

static bool mapping_is_there(const struct use *use)
{
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)use->memory,
		 (unsigned long)use->memory + 4096);
	return stat(path, &st) == 0 && st.st_nlink > 0;
}

static enum got get_fifo(struct use *use)
{
	char temporary[80];
	bool new = replaces(use, temporary);
	const char *path = new ? temporary : use->path;

	if (mkfifo(path, 0600) < 0 && errno != EEXIST)
		die(path);
	/* A writer alone is harder to find, but he needs a reader to come in. */
	use->fd = open(path, O_RDWR);
	if (use->fd < 0)
		return GOT_NOTHING;
	if (dice(2)) {
		int writer = open(path, O_WRONLY | O_NONBLOCK);

		if (writer >= 0) {
			close(use->fd);
			use->fd = writer;
		}
	}
	return new ? took_place(temporary, use->path) : GOT_IT;
}

static enum got get_mq(struct use *use)
{
	struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 8};

	use->fd = mq_open(use->path, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attr);
	if (use->fd < 0)
		die("mq_open");
	return GOT_IT;
}

static enum got get_socket(struct use *use)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char temporary[80];
	struct stat st;

	use->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (replaces(use, temporary)) {
		strcpy(address.sun_path, temporary);
	} else {
		unlink(use->path);
		strcpy(address.sun_path, use->path);
	}
	if (use->fd < 0 || bind(use->fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(use->fd, 1) < 0)
		die("bind");
	if (strcmp(address.sun_path, use->path) != 0)
		took_place(temporary, use->path);
	if (stat(use->path, &st) < 0)
		return GOT_LOST;
	use->inode = st.st_ino;
	return GOT_IT;
}

static bool socket_is_there(const struct use *use)
{
	struct stat st;

	return stat(use->path, &st) == 0 && st.st_ino == use->inode;
}

#define BY_NAME "--match", "/race.*"
#define IDLE "--include", "idle", "--owner", "root"
#define SUSPECT "--include", "suspect", "--owner", "root"

static const struct kind kinds[] = {
	{"segment", "", {"shm/sysv"}, GRACE, get_segment, segment_is_there, leave_segment},
	{"set", "", {SUSPECT, "sem/sysv"}, GRACE, get_set, set_is_there, NULL},
	{"queue", "", {SUSPECT, "mq/sysv"}, GRACE, get_queue, queue_is_there, leave_queue},
	{"memory", "/dev/shm", {IDLE, BY_NAME, "shm/posix"}, 0, get_memory, file_is_there, NULL},
	{"mapping", "/dev/shm", {IDLE, BY_NAME, "shm/posix"}, 0, get_mapping, mapping_is_there, NULL},
	{"mq", "", {IDLE, BY_NAME, "mq/posix"}, GRACE, get_mq, file_is_there, NULL},
	{"fifo", "/run", {IDLE, "--match", "/run/race.*", "fifo"}, 0, get_fifo, file_is_there, NULL},
	{"socket", "/run", {"--match", "/run/race.*", "sock/unix"}, 0, get_socket, socket_is_there, NULL},
};

/* ---- users --------------------------------------------------------------------------------------------------------- */

static void name_it(struct use *use)
{
	bool own = is_private(use) || kind->get == get_socket; /* each server has its own path */

	snprintf(use->path, sizeof(use->path), "%s/race.%u.%u", kind->directory, own ? use->user + 1 : 0, use->number);
}

static void note_loss(double after)
{
	unsigned micro = (unsigned)(after * 1e6), latest = atomic_load(&counts->latest);

	while (micro > latest && !atomic_compare_exchange_weak(&counts->latest, &latest, micro))
		;
	atomic_fetch_add(after > kind->grace ? &counts->caught : &counts->window, 1);
}

/* One user, from birth to death. */
static void use_once(unsigned user)
{
	struct use use = {.number = dice(OBJECTS), .user = user, .id = -1, .fd = -1};
	double begin, until;
	enum got got;

	name_it(&use);
	got = kind->get(&use);
	begin = seconds();
	if (got == GOT_IT && !kind->is_there(&use))
		got = GOT_LOST;
	if (got != GOT_IT) {
		atomic_fetch_add(&counts->lost, 1);
		return;
	}
	atomic_fetch_add(&counts->uses, 1);
	until = begin + (dice(4) ? dice(5) : dice(HOLD)) / 1e3;
	while (seconds() < until) {
		if (!kind->is_there(&use)) {
			note_loss(seconds() - begin);
			break;
		}
		pause_for(POLL);
	}
	if (kind->leave)
		kind->leave(&use);
}

static void keep_using(unsigned user)
{
	pid_t child;
	int status;

	while (!atomic_load(&counts->over)) {
		child = fork();
		if (child == 0) {
			use_once(user);
			_exit(0);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status) {
			fprintf(stderr, "a user of a %s ended with status %#x\n", kind->name, (unsigned)status);
			_exit(1);
		}
		pause_for(dice(3) / 1e3);
	}
	_exit(0);
}

/* What nobody comes back to. */
static void make_garbage(void)
{
	pid_t child = fork();
	unsigned i;
	int status;

	for (i = 0; child == 0 && i < BALLAST; i++) {
		struct use use = {.number = OBJECTS + i, .user = USERS_MAX, .id = -1, .fd = -1};

		name_it(&use);
		if (kind->get(&use) == GOT_IT && kind->leave)
			kind->leave(&use);
		if (use.fd >= 0)
			close(use.fd);
	}
	if (child == 0)
		_exit(0);
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		die("garbage");
}

/* ---- the run ------------------------------------------------------------------------------------------------------- */

static bool run(double time, unsigned users)
{
	unsigned long removed = 0, runs = 0, wrong = 0;
	double end = seconds() + time;
	pid_t pids[USERS_MAX];
	unsigned i;
	int status;

	memset(counts, 0, sizeof(*counts));
	for (i = 0; i < users; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			keep_using(i);
	}
	while (seconds() < end) {
		struct cleaned cleaned;

		make_garbage();
		cleaned = clean(kind->arguments, NULL, NULL);
		removed += cleaned.removed;
		runs++;
		/* 3: a namespace of another process of this host went while it was looked into */
		if (!WIFEXITED(cleaned.status) || (WEXITSTATUS(cleaned.status) && WEXITSTATUS(cleaned.status) != 3)) {
			printf("%s: clean ended with status %#x\n", kind->name, (unsigned)cleaned.status);
			wrong++;
		}
	}
	atomic_store(&counts->over, true);
	for (i = 0; i < users; i++) {
		waitpid(pids[i], &status, 0);
		wrong += status != 0;
	}
	printf("%-8s %5lu runs, %6lu removed, %6lu uses (%lu replaced it), %4lu gone in the moment of opening, %lu right after "
	       "(the latest %.1f ms), %lu taken away from a user%s\n",
	       kind->name, runs, removed, counts->uses, counts->replaced, counts->lost, counts->window,
	       counts->latest / 1e3, counts->caught, removed ? "" : ": nothing proven");
	fflush(stdout);
	return !counts->caught && !wrong;
}

int main(int argc, char **argv)
{
	const char *time = getenv("RACE_SECONDS"), *users = getenv("RACE_USERS");
	bool good = true, chosen;
	size_t i;
	int a;

	enter_stage();
	write_to("/proc/sys/fs/mqueue/queues_max", "2048");
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		die("mmap");
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		kind = &kinds[i];
		for (chosen = argc < 2, a = 1; a < argc; a++)
			chosen |= strcmp(argv[a], kind->name) == 0;
		if (chosen)
			good &= run(time ? atof(time) : SECONDS, users ? (unsigned)atoi(users) % USERS_MAX : USERS);
	}
	return !good;
}
