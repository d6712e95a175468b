/* The daemon: one loop that feeds the engine and carries out what it says. */
#pragma once

#include "host/answers.h"
#include "host/data_plane.h"
#include "host/log.h"
#include "host/monitor.h"
#include "host/options.h"
#include "host/path.h"
#include "host/plane.h"
#include "host/raw.h"
#include "host/resolver.h"
#include "host/route.h"
#include "host/tun.h"
#include "host/udp.h"
#include "host/virtual.h"
#include "keys/keys.h"
#include "tern/ike.h"

#include <uv.h>

/* On every IKE and ESP packet that we send: "tern". */
#define HOST_MARK 0x7465726eu

#define HOST_TUN_NAME "tern0"

/* 1500 octets less the widest outer headers: IPv6, UDP, ESP with CBC and HMAC-SHA2-512. The plane
 * says per SA what fits. */
#define HOST_TUN_MTU 1400

struct vici_server;
struct kernel_plane;
struct counters;

enum host_state { HOST_STARTING, HOST_RUNNING, HOST_ENDING };

/* What the loop has yet to tell the engine; never while its outputs are being drained. */
struct host_input;

struct host {
	uv_loop_t loop;
	struct options options;
	struct settings settings;
	struct log log;
	enum host_state state;

	struct crypto *crypto; /* of the loop's thread: the engine's and the plane's */
	struct keys *keys;
	struct ike_engine *engine;
	bool draining;
	struct host_input *inputs, **inputs_end;
	uint64_t shutdown_command; /* 0: not ending */

	struct udp udp;
	struct raw raw;
	struct tun tun;
	struct netlink *netlink;
	struct monitor monitor;
	struct routes *routes;
	struct virtual *virtual;
	struct resolver *resolver;
	const struct data_plane *data_plane; /* who carries ESP: one of the next two */
	struct plane *plane;
	struct kernel_plane *kernel; /* NULL: not used */
	struct path_finder paths;
	struct answers *answers;
	struct vici_server *vici;
	struct datagram_batch *batch;

	struct counters *counted; /* as they were when somebody reset them; NULL: never */

	struct keepalive_list { /* where keepalives went, sorted */
		size_t count;
		struct keepalive *all;
	} keepalives;
	uv_timer_t deadline, end_deadline, keepalive, release;
	uv_signal_t signals[3];
	uv_poll_t polls[UDP_SOCKETS + 3];
	size_t poll_count;
	time_t started_at;
};

ike_time host_now(const struct host *h);

/* Inputs from elsewhere in the daemon; each drains. */
void host_command(struct host *h, const struct ike_command *command);
void host_kernel(struct host *h, const struct ike_kernel_event *event);
void host_answer(void *host, const struct ike_answer *answer); /* takes answer->private */

/* Carries out what the engine has to say, tells it what came of that, and sets the timer. */
void host_drain(struct host *h);

void host_credentials_changed(struct host *h);
void host_end(struct host *h); /* begins to end: SIGTERM */

/* loop.c: sockets, device, timers and signals of a host whose parts are open. */
int loop_watch(struct host *h);
void loop_set_deadline(struct host *h);
void loop_unwatch(struct host *h);

/* keepalive.c */
int keepalive_start(struct host *h);
void keepalive_stop(struct host *h); /* frees */

extern const struct random_source host_random;
