/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 400 listeners and their files, while other sockets come and go as fast as they can: the kernel's list of sockets then
 * leaves some out (it goes on by counting within a hash bucket), and no file of a listener may pass for a stale one. 40 runs of
 * `clean --apply --min-age 0`, each with stale files beside them that have to go where that can be proven. CHURN_RUNS changes
 * the number.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clean_stage.h"

#define LISTENERS 400
#define STALE 20
#define CHURNERS 4
#define RUNS 40

static int bind_to(const char *path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(path);
	return fd;
}

static void path_of(char *path, const char *what, unsigned number)
{
	sprintf(path, "/run/race.%s.%u", what, number);
}

/* Half of them listen; the others are only bound, which nobody can tell by connecting. */
static void make_listeners(ino_t *inodes)
{
	char path[64];
	struct stat st;
	unsigned i;
	int fd;

	for (i = 0; i < LISTENERS; i++) {
		path_of(path, "listener", i);
		fd = bind_to(path, i % 4 == 3 ? SOCK_DGRAM : SOCK_STREAM);
		if ((i % 2 == 0 && listen(fd, 5) < 0) || stat(path, &st) < 0)
			die(path);
		inodes[i] = st.st_ino;
	}
}

static void make_stale(void)
{
	char path[64];
	unsigned i;

	for (i = 0; i < STALE; i++) {
		path_of(path, "stale", i);
		unlink(path);
		close(bind_to(path, SOCK_STREAM));
	}
}

static unsigned count_stale(void)
{
	unsigned i, count = 0;
	char path[64];

	for (i = 0; i < STALE; i++) {
		path_of(path, "stale", i);
		count += access(path, F_OK) == 0;
	}
	return count;
}

static unsigned count_lost(const ino_t *inodes)
{
	unsigned i, lost = 0;
	struct stat st;
	char path[64];

	for (i = 0; i < LISTENERS; i++) {
		path_of(path, "listener", i);
		lost += stat(path, &st) < 0 || st.st_ino != inodes[i];
	}
	return lost;
}

/* Sockets of all ages: unnamed ones, abstract ones, and such with files of their own. */
static void churn(unsigned number)
{
	int pairs[64][2], abstract;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	unsigned i, turn;
	char path[64];

	memset(pairs, -1, sizeof(pairs));
	for (turn = 0;; turn++) {
		i = dice(64);
		if (pairs[i][0] >= 0) {
			close(pairs[i][0]);
			close(pairs[i][1]);
		}
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) < 0)
			die("socketpair");
		if (turn % 4)
			continue;
		abstract = socket(AF_UNIX, SOCK_DGRAM, 0);
		snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%u.%u", number, turn);
		if (abstract < 0 ||
		    bind(abstract, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 20) < 0)
			die("abstract");
		snprintf(path, sizeof(path), "/run/churn.%u.%u", number, turn % 32);
		unlink(path);
		close(bind_to(path, SOCK_STREAM));
		close(abstract);
	}
}

int main(void)
{
	static const char *const arguments[] = {"--match", "/run/race.*", "sock/unix", NULL};
	unsigned i, runs = RUNS, removed = 0, left = 0, lost = 0, wrong = 0, proven = 0;
	const char *wanted = getenv("CHURN_RUNS");
	ino_t inodes[LISTENERS];
	pid_t pids[CHURNERS];

	enter_stage();
	make_listeners(inodes);
	for (i = 0; i < CHURNERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			churn(i);
	}
	runs = wanted ? (unsigned)atoi(wanted) : RUNS;
	for (i = 0; i < runs && !lost; i++) {
		struct cleaned cleaned;

		make_stale();
		cleaned = clean(arguments, NULL, NULL);
		removed += cleaned.removed;
		left += count_stale();
		proven += !count_stale();
		lost = count_lost(inodes);
		wrong +=
			!WIFEXITED(cleaned.status) || (WEXITSTATUS(cleaned.status) && WEXITSTATUS(cleaned.status) != 3);
	}
	for (i = 0; i < CHURNERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	printf("%u runs beside %u listeners: %u stale files removed, %u not proven to be stale (in %u runs all were); %u "
	       "listeners lost their files, %u runs ended badly%s\n",
	       runs, LISTENERS, removed, left, proven, lost, wrong, removed ? "" : ": nothing proven on this host");
	return lost || wrong || removed + left != runs * STALE;
}
