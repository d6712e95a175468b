/* The loop: each readable descriptor gets one batch per turn, so that neither ESP nor the device
 * keeps IKE waiting. */
#include "host/host.h"

#include <errno.h>
#include <signal.h>

#include "host/config.h"

/* How long the peers have to confirm their deletes when we end. */
#define END_MS_MAX 3000

static void on_deadline(uv_timer_t *timer)
{
	struct host *h = timer->data;

	ike_tick(h->engine, host_now(h));
	host_drain(h);
}

void loop_set_deadline(struct host *h)
{
	ike_time due = ike_next_deadline(h->engine), now = uv_hrtime();
	uint64_t ms = due <= now ? 0 : (due - now + NS_PER_MS - 1) / NS_PER_MS;

	if (h->state == HOST_STARTING || uv_is_closing((uv_handle_t *)&h->deadline))
		return;
	if (due == IKE_TIME_NEVER) {
		uv_timer_stop(&h->deadline);
		return;
	}
	uv_update_time(&h->loop);
	uv_timer_start(&h->deadline, on_deadline, ms, 0);
}

/* Packets. */

/* What ICMP reports makes libuv stop watching: take it off the socket and watch on. */
static void revive(uv_poll_t *poll, struct datagram_socket *s, uv_poll_cb cb)
{
	int pending;
	socklen_t size = sizeof(pending);

	datagram_read_errors(s);
	(void)getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &pending, &size);
	(void)uv_poll_start(poll, UV_READABLE, cb);
}

/* ESP packets of one UDP socket, until they make a batch. */
struct esp_batch {
	struct host *host;
	size_t count;
	struct datagram packets[PLANE_BATCH];
};

static void take_esp(struct esp_batch *b)
{
	if (b->count)
		plane_receive(b->host->plane, host_now(b->host), b->packets, b->count, true);
	b->count = 0;
}

static void add_esp(struct esp_batch *b, const struct datagram *packet)
{
	if (b->count == PLANE_BATCH)
		take_esp(b);
	b->packets[b->count++] = *packet;
}

/* ESP is collected only as far as the next IKE message: that may delete the SA of what came before
 * it, as it may make that of what came after. */
static void on_datagram(
	struct host *h, struct datagram_socket *s, const struct datagram *d, struct esp_batch *esp)
{
	struct bytes content;

	switch (udp_classify(s->port == h->udp.port_nat_t, d->data, &content)) {
	case UDP_IKE:
		if (d->cut)
			break;
		take_esp(esp);
		ike_datagram(h->engine, host_now(h), &d->path, content);
		host_drain(h);
		break;
	case UDP_ESP:
		add_esp(esp, d);
		break;
	case UDP_NOTHING:
		if (!udp_is_keepalive(d->data))
			s->losses.neither++;
		break;
	}
}

static void on_udp(uv_poll_t *poll, int status, int events)
{
	struct host *h = poll->data;
	struct datagram_socket *s = &h->udp.sockets[poll - h->polls];
	struct datagram got[DATAGRAM_BATCH], one;
	struct esp_batch esp; /* its packets are many: they stay as they are */
	size_t count;

	(void)events;
	esp.host = h;
	esp.count = 0;
	if (status < 0)
		revive(poll, s, on_udp);
	count = datagram_receive(s, h->batch, got);
	for (size_t i = 0; i < count; i++) {
		for (size_t at = 0; datagram_next(&got[i], &at, &one);)
			on_datagram(h, s, &one, &esp);
	}
	take_esp(&esp);
}

static void on_raw(uv_poll_t *poll, int status, int events)
{
	struct host *h = poll->data;
	struct datagram_socket *s = &h->raw.sockets[poll - h->polls - UDP_SOCKETS];
	struct datagram got[DATAGRAM_BATCH];
	size_t count;

	(void)events;
	if (status < 0)
		revive(poll, s, on_raw);
	count = datagram_receive(s, h->batch, got);
	if (count)
		plane_receive(h->plane, host_now(h), got, count, false);
}

static void on_tun(uv_poll_t *poll, int status, int events)
{
	struct host *h = poll->data;

	(void)events;
	if (status < 0) {
		log_text(&h->log, "KNL", 0, "the device %s failed: %s", h->tun.name,
			uv_strerror(status));
		uv_poll_stop(poll);
		return;
	}
	plane_read(h->plane, host_now(h));
}

/* Signals. */

static void on_end_late(uv_timer_t *timer)
{
	struct host *h = timer->data;

	log_text(&h->log, "DMN", 0, "not every peer confirmed: ending all the same");
	uv_stop(&h->loop);
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct host *h = signal->data;

	if (number == SIGHUP) {
		log_text(&h->log, "CFG", 0, "reloading");
		(void)config_load(h);
		return;
	}
	if (h->state == HOST_RUNNING)
		uv_timer_start(&h->end_deadline, on_end_late, END_MS_MAX, 0);
	host_end(h);
}

static void on_addresses(void *host)
{
	const struct ike_kernel_event changed = { .kind = IKE_KERNEL_ADDRESSES };

	host_kernel(host, &changed);
}

static int watch(struct host *h, size_t at, int fd, uv_poll_cb cb)
{
	int r;

	if (fd < 0)
		return 0;
	r = uv_poll_init(&h->loop, &h->polls[at], fd);
	if (r)
		return r;
	h->polls[at].data = h;
	return uv_poll_start(&h->polls[at], UV_READABLE, cb);
}

static int watch_signal(struct host *h, size_t at, int number)
{
	int r = uv_signal_init(&h->loop, &h->signals[at]);

	h->signals[at].data = h;
	return r ? r : uv_signal_start(&h->signals[at], on_signal, number);
}

int loop_watch(struct host *h)
{
	int r = 0;

	uv_timer_init(&h->loop, &h->deadline);
	uv_timer_init(&h->loop, &h->end_deadline);
	uv_timer_init(&h->loop, &h->release);
	h->deadline.data = h->end_deadline.data = h->release.data = h;
	for (size_t i = 0; r == 0 && i < UDP_SOCKETS; i++)
		r = watch(h, i, h->udp.sockets[i].fd, on_udp);
	for (size_t i = 0; r == 0 && i < 2; i++)
		r = watch(h, UDP_SOCKETS + i, h->raw.sockets[i].fd, on_raw);
	if (r == 0)
		r = watch(h, UDP_SOCKETS + 2, h->tun.fd, on_tun);

	h->monitor =
		(struct monitor){ .ours = h->tun.index, .changed = on_addresses, .context = h };
	if (r == 0)
		r = monitor_open(&h->monitor, &h->loop);
	if (r == 0)
		r = keepalive_start(h);
	if (r == 0)
		r = watch_signal(h, 0, SIGTERM);
	if (r == 0)
		r = watch_signal(h, 1, SIGINT);
	if (r == 0)
		r = watch_signal(h, 2, SIGHUP);
	return r;
}

static void close_handle(uv_handle_t *handle)
{
	if (handle->loop && !uv_is_closing(handle))
		uv_close(handle, NULL);
}

void loop_unwatch(struct host *h)
{
	monitor_close(&h->monitor);
	close_handle((uv_handle_t *)&h->deadline);
	close_handle((uv_handle_t *)&h->end_deadline);
	close_handle((uv_handle_t *)&h->keepalive);
	close_handle((uv_handle_t *)&h->release);
	keepalive_stop(h);
	for (size_t i = 0; i < sizeof(h->signals) / sizeof(h->signals[0]); i++)
		close_handle((uv_handle_t *)&h->signals[i]);
	for (size_t i = 0; i < sizeof(h->polls) / sizeof(h->polls[0]); i++)
		close_handle((uv_handle_t *)&h->polls[i]);
}
