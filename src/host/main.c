/* ternd: opens what the daemon needs in an order in which a second one fails before it touches
 * anything of the first, runs the loop, and takes everything back. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/ciphers.h"
#include "host/config.h"
#include "host/control.h"
#include "host/counters.h"
#include "host/host.h"
#include "host/kernel_plane.h"
#include "host/state.h"

#define EXIT_USAGE 2

/* Threads of the pool still at work when we end: a name that doesn't resolve may take long. */
#define LAST_WORK_MS_MAX 2000

static int fail(struct host *h, const char *problem)
{
	log_text(&h->log, "DMN", 0, "%s", problem);
	return -1;
}

/* Sockets, device and routes: whoever opens them is the only ternd here. */
static void resolver_failed(void *host, const char *text)
{
	struct host *h = host;

	log_text(&h->log, "NET", 0, "%s", text);
}

static int open_network(struct host *h)
{
	const struct udp_options udp = {
		.port = h->settings.port,
		.port_nat_t = h->settings.port_nat_t,
		.datagram = { .mark = HOST_MARK, .narrow = plane_narrow, .context = h },
	};
	struct route_options routes = {
		.table = h->settings.routing_table,
		.table_ports = h->settings.routing_table_ports,
		.table_drop = h->settings.routing_table_drop,
		.priority = h->settings.routing_table_prio,
		.mark = HOST_MARK,
		.install = h->settings.install_routes,
	};
	struct resolver_options resolver = {
		.loop = &h->loop,
		.file = h->settings.resolve_file,
		.resolvconf = h->settings.resolve_program,
		.install = h->settings.resolve,
		.failed = resolver_failed,
		.context = h,
	};
	struct virtual_options virtual = { .install = h->settings.install_virtual_ip };
	char problem[512];

	if (udp_open(&h->udp, &udp, problem, sizeof(problem)) != 0 ||
		data_plane_choose(h, problem, sizeof(problem)) != 0 ||
		/* They would have a copy of each packet that the kernel takes. */
		(!h->kernel && raw_open(&h->raw, &udp.datagram, problem, sizeof(problem)) != 0) ||
		tun_open(&h->tun, HOST_TUN_NAME, HOST_TUN_MTU, problem, sizeof(problem)) != 0)
		return fail(h, problem);

	h->netlink = netlink_open();
	if (!h->netlink)
		return fail(h, "no netlink socket");
	routes.interface = h->tun.index;
	if (routes_new(h->netlink, &routes, &h->routes, problem, sizeof(problem)) != 0)
		return fail(h, problem);
	virtual.interface = h->tun.index;
	h->virtual = virtual_new(h->netlink, &virtual);
	resolver.interface = h->tun.name;
	h->resolver = resolver_new(&resolver);
	if (!h->virtual || !h->resolver)
		return fail(h, "out of memory");
	return 0;
}

/* Without its secret the daemon works all the same: peers find out about a crash later. */
static struct secret qcd_secret(struct host *h)
{
	struct secret secret = { 0 };
	char problem[512];

	if (h->settings.quick_crash_detection &&
		state_qcd_secret(h->settings.state_dir, &secret, problem, sizeof(problem)) != 0)
		log_text(&h->log, "DMN", 0, "no quick crash detection: %s", problem);
	return secret;
}

static struct ike_options engine_options(const struct host *h)
{
	const struct settings *s = &h->settings;
	struct ike_options o;

	ike_options_default(&o);
	o.random = host_random;
	o.crypto = h->crypto;
	o.port = h->udp.port;
	o.port_nat_t = h->udp.port_nat_t;
	o.retransmit_tries = s->retransmit_tries;
	o.retransmit_timeout_ns = s->retransmit_timeout_ms * NS_PER_MS;
	o.retransmit_base = s->retransmit_base;
	o.retransmit_jitter_percent = s->retransmit_jitter_percent;
	o.retransmit_limit_ns = s->retransmit_limit_ms * NS_PER_MS;
	o.retry_wait_ns = s->retry_wait_s * NS_PER_SECOND;
	o.retry_wait_max_ns = s->retry_wait_max_s * NS_PER_SECOND;
	o.retry_jitter_percent = s->retry_jitter_percent;
	o.child_kept_ns = s->delete_rekeyed_delay_s * NS_PER_SECOND;
	o.half_open_timeout_ns = s->half_open_timeout_s * NS_PER_SECOND;
	o.cookie_threshold = s->cookie_threshold;
	o.cookie_threshold_address = s->cookie_threshold_ip;
	o.block_threshold = s->block_threshold;
	o.half_open_max = s->half_open_max;
	o.ike_sa_max = s->ikesa_limit;
	o.fragment_size = s->fragment_size;
	o.message_bytes_max = s->max_packet;
	o.send_vendor_id = s->send_vendor_id;
	o.inactivity_close_ike = s->inactivity_close_ike;
	o.signature_authentication = s->signature_authentication;
	o.multiple_authentication = s->multiple_authentication;
	o.tickets = s->resumption;
	o.prefer_configured_proposals = s->prefer_configured_proposals;
	o.peer_addresses_max = s->peer_addresses;
	o.follow_redirects = s->follow_redirects;
	o.redirect_to = s->redirect_to;
	o.redirected_kept_ns = s->redirect_close_s * NS_PER_SECOND;
	o.return_routability = s->return_routability;
	o.cisco_unity = s->cisco_unity;
	o.nat_traversal = s->nat_traversal;
	return o;
}

static int open_engine(struct host *h)
{
	struct ike_options options;
	const struct answers_options answers = {
		.loop = &h->loop, .keys = h->keys, .answered = host_answer, .context = h
	};

	options = engine_options(h);
	options.qcd_secret = qcd_secret(h);
	h->engine = ike_engine_new(&options);
	secret_wipe(&options.qcd_secret);
	h->answers = answers_new(&answers);
	h->batch = datagram_batch_new();
	h->plane = plane_new(h);
	if (!h->engine || !h->answers || !h->batch || !h->plane)
		return fail(h, "out of memory");

	h->paths = (struct path_finder){
		.loop = &h->loop,
		.netlink = h->netlink,
		.port = h->udp.port,
		.port_nat_t = h->udp.port_nat_t,
		.mark = HOST_MARK,
		.interface = h->tun.index,
		.answered = host_answer,
		.context = h,
	};
	return 0;
}

static int start(struct host *h)
{
	int r;

	if (config_read_settings(h) != 0)
		return fail(h, "not started: the settings above need correction");
	if (h->options.config_given && access(h->options.config, R_OK | X_OK) < 0) {
		log_text(&h->log, "CFG", 0, "--config %s: %s", h->options.config, strerror(errno));
		return -1;
	}

	h->crypto = crypto_new(NULL);
	h->keys = keys_new();
	if (!h->crypto || !h->keys)
		return fail(h, "OpenSSL could not be set up, or memory is short");
	ciphers_choose(h->crypto, &h->log);
	if (open_network(h) != 0 || open_engine(h) != 0)
		return -1;

	r = loop_watch(h);
	if (r == 0 && h->kernel)
		r = kernel_plane_watch(h->kernel);
	if (r)
		return fail(h, uv_strerror(r));
	h->state = HOST_RUNNING;
	if (control_open(h) != 0)
		return -1;
	log_text(&h->log, "DMN", 0,
		"ternd " TERN_VERSION
		": UDP ports %u and %u, device %s, %s data plane, control socket %s",
		h->udp.port, h->udp.port_nat_t, h->tun.name, h->data_plane->name,
		h->settings.vici_path);
	(void)config_load(h); /* what is wrong is in the log; VICI can mend it */
	return 0;
}

static void on_last_work_late(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/* Lets the pool finish. False where something hangs: then only the process's end ends it. */
static bool run_empty(struct host *h)
{
	uv_timer_t late;

	uv_timer_init(&h->loop, &late);
	uv_timer_start(&late, on_last_work_late, LAST_WORK_MS_MAX, 0);
	uv_unref((uv_handle_t *)&late);
	(void)uv_run(&h->loop, UV_RUN_DEFAULT);
	if (h->paths.active || (h->answers && answers_active(h->answers)))
		return false;

	uv_close((uv_handle_t *)&late, NULL);
	return uv_run(&h->loop, UV_RUN_DEFAULT) == 0;
}

/* In the order in which the outside feels it: first no traffic, then no routes, no device. */
static void stop(struct host *h, int code)
{
	h->state = HOST_ENDING;
	h->paths.stopped = true;
	if (h->answers)
		answers_stop(h->answers);
	control_close(h);
	counters_free(h->counted);
	loop_unwatch(h);
	kernel_plane_stop(h->kernel);
	plane_free(h->plane);
	routes_free(h->routes);
	resolver_close(h->resolver);
	virtual_free(h->virtual);
	netlink_close(h->netlink);
	(void)uv_run(&h->loop, UV_RUN_NOWAIT); /* the watchers let go of their descriptors */
	tun_close(&h->tun);
	raw_close(&h->raw);
	udp_close(&h->udp);
	if (!run_empty(h))
		_exit(code);

	(void)uv_loop_close(&h->loop);
	ike_engine_free(h->engine);
	keys_free(h->keys);
	answers_free(h->answers);
	crypto_free(h->crypto);
	datagram_batch_free(h->batch);
	resolver_free(h->resolver);
	kernel_plane_free(h->kernel);
}

static struct host *host_new(const struct options *options)
{
	struct host *h = calloc(1, sizeof(*h));

	if (!h || uv_loop_init(&h->loop) != 0) {
		free(h);
		return NULL;
	}
	h->options = *options;
	h->log = (struct log){ .out = stderr, .level = 1 };
	h->inputs_end = &h->inputs;
	h->started_at = time(NULL);
	h->tun.fd = -1;
	for (size_t i = 0; i < UDP_SOCKETS; i++)
		h->udp.sockets[i].fd = -1;
	h->raw.sockets[0].fd = h->raw.sockets[1].fd = -1;
	return h;
}

static int run(const struct options *options)
{
	const struct rlimit no_core = { 0, 0 };
	struct host *h = host_new(options);
	int code = EXIT_SUCCESS;

	if (!h) {
		fputs("ternd: out of memory\n", stderr);
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	(void)setrlimit(RLIMIT_CORE, &no_core); /* keys don't belong on a disk */
	if (start(h) == 0)
		(void)uv_run(&h->loop, UV_RUN_DEFAULT);
	else
		code = EXIT_FAILURE;
	stop(h, code);
	if (code == EXIT_SUCCESS)
		log_text(&h->log, "DMN", 0, "ended");
	free(h);
	return code;
}

int main(int argc, char **argv)
{
	struct options options;
	char problem[256];

	switch (options_parse(argc, argv, &options, problem, sizeof(problem))) {
	case OPTIONS_HELP:
		options_help(stdout);
		return EXIT_SUCCESS;
	case OPTIONS_VERSION:
		puts("ternd " TERN_VERSION);
		return EXIT_SUCCESS;
	case OPTIONS_BAD:
		fprintf(stderr, "ternd: %s\nTry `ternd --help`.\n", problem);
		return EXIT_USAGE;
	case OPTIONS_RUN:
		break;
	}
	return run(&options);
}
