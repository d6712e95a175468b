/* The data plane in the loop, shaped in batches: what the device or a socket has is read as far as a
 * limit, goes through src/esp as arrays, and leaves by sendmmsg, or into the device put together to
 * packets as long as the kernel takes them. What the plane has to say about its SAs goes to the engine
 * behind each batch. */
#include "host/plane.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "esp/offload.h"
#include "host/host.h"
#include "host/sockaddr.h"

#define OUTPUTS      256 /* what one packet may need, fragmented */
#define OUTPUT_BYTES (TUN_READ_BYTES + ESP_OVERHEAD_MAX)
#define READ_PACKETS 64            /* from the device in one turn */
#define READ_BYTES   (256u * 1024) /* and no more than this and one packet */

/* A narrow path is tried again after this long: RFC 1191 §6.3 asks for at least ten minutes. */
#define NARROW_KEPT_NS (10 * 60 * NS_PER_SECOND)
#define NARROW_MAX     64

/* A peer that asked for a child installs it when our response has come. What waited in a trap goes this
 * much later, put off by further ones up to a limit. */
#define ANSWERED_MS     50
#define ANSWERED_MS_MAX 200

_Static_assert(PLANE_BATCH <= OUTPUTS && OUTPUTS <= COALESCE_PACKETS &&
		BUNDLE_PACKETS <= TUN_WRITE_PIECES_MAX,
	"a batch is decrypted and written at once");

struct narrow_path {
	struct address remote;
	ike_time until;
};

struct plane {
	struct host *host;
	struct esp *esp;
	bool early;           /* an inbound SA came: packets may have come before it */
	bool release;         /* an outbound SA came: packets may have waited for it */
	ike_time answered_at; /* the first that the peer asked for since; 0: none */
	uint64_t unsendable;
	size_t narrow_count;
	struct narrow_path narrow[NARROW_MAX];
	struct esp_out out[OUTPUTS];
	struct coalescer coalescer;
	uint8_t in_memory[READ_PACKETS][TUN_READ_BYTES];
	uint8_t out_memory[OUTPUTS][OUTPUT_BYTES];
};

struct plane *plane_new(struct host *h)
{
	const struct esp_options options = { .crypto = h->crypto, .random = host_random };
	struct plane *p = calloc(1, sizeof(*p)); /* touched only as far as packets are long */

	if (!p)
		return NULL;
	p->host = h;
	p->esp = esp_new(&options);
	if (!p->esp) {
		free(p);
		return NULL;
	}
	return p;
}

void plane_free(struct plane *p)
{
	if (p)
		esp_free(p->esp);
	free(p);
}

const struct esp *plane_esp(const struct plane *p)
{
	return p ? p->esp : NULL;
}

uint64_t plane_unsendable(const struct plane *p)
{
	return p ? p->unsendable : 0;
}

/* Operations. */

static void on_release(uv_timer_t *timer)
{
	struct host *h = timer->data;

	h->plane->answered_at = 0;
	plane_release(h->plane, host_now(h));
}

static void wait_for_peer(struct plane *p, ike_time now)
{
	uint64_t waited;

	if (!p->answered_at)
		p->answered_at = now;
	waited = (now - p->answered_at) / NS_PER_MS;
	uv_timer_start(&p->host->release, on_release,
		waited + ANSWERED_MS < ANSWERED_MS_MAX ? ANSWERED_MS
			: waited < ANSWERED_MS_MAX     ? ANSWERED_MS_MAX - waited
						       : 0,
		0);
}

static int carry(struct plane *p, ike_time now, const struct ike_operation *o)
{
	int r;

	switch (o->kind) {
	case IKE_OPERATE_INSTALL_IN:
		p->early = true;
		return esp_install_in(p->esp, now, o->spec);
	case IKE_OPERATE_INSTALL_OUT:
		r = esp_install_out(p->esp, now, o->spec);
		p->release = p->release || r == 0;
		if (r == 0 && o->spec->answered)
			wait_for_peer(p, now);
		return r;
	case IKE_OPERATE_UPDATE_PATH:
		return esp_update_path(p->esp, o->spec);
	case IKE_OPERATE_REMOVE_OUT:
		r = esp_remove_out(p->esp, o->spec->child_id);
		return r == -ENOENT ? 0 : r;
	case IKE_OPERATE_REMOVE:
		r = esp_remove(p->esp, o->spec->child_id);
		return r == -ENOENT ? 0 : r;
	case IKE_OPERATE_TRAP:
		return esp_trap(p->esp, o->spec);
	case IKE_OPERATE_UNTRAP:
		r = esp_untrap(p->esp, o->spec->reqid);
		return r == -ENOENT ? 0 : r;
	case IKE_OPERATE_TRAP_FAILED:
		esp_trap_failed(p->esp, o->spec->reqid);
		return 0;
	case IKE_OPERATE_SHUNT:
		return esp_shunt(p->esp, o->spec);
	case IKE_OPERATE_UNSHUNT:
		r = esp_unshunt(p->esp, o->spec->reqid);
		return r == -ENOENT ? 0 : r;
	case IKE_OPERATE_ADDRESS_ADD:
	case IKE_OPERATE_ADDRESS_REMOVE:
		break;
	}
	return -EINVAL;
}

int plane_operate(struct plane *p, ike_time now, const struct ike_operation *o, char *reason,
	size_t reason_size)
{
	int r = carry(p, now, o);
	const char *why;

	switch (-r) {
	case 0:
		return 0;
	case EEXIST:
		why = "the SPI or the Child SA is installed already";
		break;
	case EINVAL:
		why = "the data plane can't do what was negotiated";
		break;
	case EIO:
		why = "OpenSSL refused the key or the algorithm";
		break;
	default:
		why = strerror(-r);
		break;
	}
	snprintf(reason, reason_size, "%s", why);
	return r;
}

/* An exchange that comes to nothing has no operation to give it back: the plane forgets it in time. */
int plane_choose_spi(struct plane *p, ike_time now, uint32_t *ret_spi)
{
	return esp_allocate_spi(p->esp, now, ret_spi);
}

/* Narrow paths. */

void plane_narrow(void *host, const struct datagram_narrow *narrow)
{
	struct host *h = host;
	struct plane *p = h->plane;
	struct narrow_path *at = NULL;
	char text[ADDRESS_TEXT_MAX];

	if (!p || !narrow->mtu || !address_size(&narrow->remote))
		return;
	for (size_t i = 0; i < p->narrow_count && !at; i++) {
		if (address_equal(&p->narrow[i].remote, &narrow->remote))
			at = &p->narrow[i];
	}
	if (!at) {
		if (p->narrow_count == NARROW_MAX)
			return; /* its packets are lost until others are forgotten */
		at = &p->narrow[p->narrow_count++];
		log_text(&h->log, "ESP", 1, "path MTU to %s is %u",
			address_print(&narrow->remote, text), narrow->mtu);
	}
	*at = (struct narrow_path){ narrow->remote, host_now(h) + NARROW_KEPT_NS };
	esp_set_pmtu(p->esp, &narrow->remote, narrow->mtu);
}

static void widen(struct plane *p, ike_time now)
{
	for (size_t i = 0; i < p->narrow_count;) {
		if (p->narrow[i].until > now) {
			i++;
			continue;
		}
		esp_set_pmtu(p->esp, &p->narrow[i].remote, 0);
		p->narrow[i] = p->narrow[--p->narrow_count];
	}
}

/* Packets. */

static void write_apart(struct plane *p, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (p->out[i].verdict == ESP_DELIVER)
			(void)tun_write(&p->host->tun, &p->out[i].packet, 1, 0);
	}
}

/* What was decrypted, the segments of one flow as one packet. */
static void write_device(struct plane *p, size_t count)
{
	struct tun *tun = &p->host->tun;

	if (!tun->has_header) {
		write_apart(p, count);
		return;
	}
	coalesce_begin(&p->coalescer);
	for (size_t i = 0; i < count; i++) {
		const struct esp_out *o = &p->out[i];

		if (o->verdict == ESP_DELIVER)
			coalesce_add(&p->coalescer, iovec_of(o->packet).iov_base, o->packet.size,
				tun->cuts_udp);
	}
	for (size_t i = 0; i < p->coalescer.bundle_count; i++) {
		struct bytes pieces[BUNDLE_PACKETS];
		uint16_t segment_bytes;
		size_t n = coalesce_take(&p->coalescer, i, pieces, &segment_bytes);

		(void)tun_write(tun, pieces, n, segment_bytes);
	}
}

static struct datagram_socket *socket_for(struct plane *p, const struct esp_out *o)
{
	return o->encap ? udp_socket(&p->host->udp, &o->path)
			: raw_socket(&p->host->raw, o->path.remote.address.family);
}

/* Outputs in their order: runs for the same socket leave together. */
static void send_outputs(struct plane *p, size_t count)
{
	struct datagram run[OUTPUTS];
	struct datagram_socket *open = NULL;
	size_t length = 0;

	for (size_t i = 0; i < count; i++) {
		const struct esp_out *o = &p->out[i];
		struct datagram_socket *s;

		assert(o->verdict != ESP_DELIVER); /* write_device() does that */
		if (o->verdict == ESP_REPLY)
			(void)tun_write(&p->host->tun, &o->packet, 1, 0);
		if (o->verdict != ESP_SEND)
			continue;

		s = socket_for(p, o);
		if (length && s != open) {
			(void)datagram_send(open, run, length);
			length = 0;
		}
		open = s;
		if (s)
			run[length++] = (struct datagram){
				.path = o->path, .data = o->packet, .tos = o->tos, .df = o->df
			};
		else
			p->unsendable++;
	}
	if (length)
		(void)datagram_send(open, run, length);
}

static void tell_events(struct plane *p)
{
	static const enum ike_kernel_kind kinds[] = {
		[ESP_EVENT_SOFT] = IKE_KERNEL_EXPIRE_SOFT,
		[ESP_EVENT_HARD] = IKE_KERNEL_EXPIRE_HARD,
		[ESP_EVENT_MAPPING] = IKE_KERNEL_MAPPING,
		[ESP_EVENT_UNKNOWN_SPI] = IKE_KERNEL_UNKNOWN_SPI,
		[ESP_EVENT_ACQUIRE] = IKE_KERNEL_ACQUIRE,
		[ESP_EVENT_SELECTORS] = IKE_KERNEL_SELECTORS,
	};
	struct esp_event event;

	while (esp_next_event(p->esp, &event)) {
		struct ike_kernel_event told = {
			.kind = kinds[event.kind],
			.child_id = event.child_id,
			.reqid = event.reqid,
			.remote = event.remote,
			.path = event.path,
			.spi = event.spi,
			.source = event.source,
			.destination = event.destination,
			.start_size = event.start_size,
		};

		memcpy(told.start, event.start, event.start_size);
		host_kernel(p->host, &told);
	}
}

static void give_memory(struct plane *p, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		p->out[i].memory = p->out_memory[i];
		p->out[i].memory_size = sizeof(p->out_memory[i]);
	}
}

void plane_receive(
	struct plane *p, ike_time now, const struct datagram *datagrams, size_t count, bool encap)
{
	struct esp_in in[PLANE_BATCH];
	size_t taken = 0;

	assert(count <= PLANE_BATCH);

	for (size_t i = 0; i < count; i++) {
		if (!datagrams[i].cut && datagrams[i].data.size)
			in[taken++] = (struct esp_in){ .packet = datagrams[i].data,
				.own = iovec_of(datagrams[i].data).iov_base,
				.path = datagrams[i].path,
				.encap = encap,
				.tos = datagrams[i].tos };
	}
	give_memory(p, taken);
	esp_inbound(p->esp, now, in, taken, p->out);
	write_device(p, taken);
	tell_events(p);
}

static void take_early(struct plane *p, ike_time now)
{
	size_t used;

	do {
		give_memory(p, OUTPUTS);
		used = esp_early(p->esp, now, p->out, OUTPUTS);
		write_device(p, used);
	} while (used);
	tell_events(p);
}

void plane_release(struct plane *p, ike_time now)
{
	size_t used;

	if (!p)
		return;
	if (p->early) {
		p->early = false;
		take_early(p, now);
	}
	if (!p->release || p->answered_at)
		return;
	p->release = false;
	do {
		give_memory(p, OUTPUTS);
		used = esp_release(p->esp, now, p->out, OUTPUTS);
		send_outputs(p, used);
	} while (used);
	tell_events(p);
}

static size_t read_device(struct plane *p, struct esp_packet in[static READ_PACKETS])
{
	size_t count = 0, bytes = 0;

	while (count < READ_PACKETS && bytes < READ_BYTES) {
		struct esp_packet *packet = &in[count];

		*packet = (struct esp_packet){ 0 };
		if (!tun_read(&p->host->tun, p->in_memory[count], &packet->data,
			    &packet->segment_bytes))
			break;
		bytes += packet->data.size;
		count++;
	}
	return count;
}

void plane_read(struct plane *p, ike_time now)
{
	struct esp_packet in[READ_PACKETS];
	size_t count = read_device(p, in);

	widen(p, now);
	for (size_t at = 0; at < count;) {
		size_t used;

		give_memory(p, OUTPUTS);
		at += esp_outbound(p->esp, now, in + at, count - at, p->out, OUTPUTS, &used);
		send_outputs(p, used);
	}
	tell_events(p);
}
