/* PEM: text around DER. Files may hold several blocks and words between them; we take the first
 * that fits. */
#include "crypto/pki_internal.h"

#include <errno.h>
#include <string.h>

#include <openssl/pem.h>

static bool label_known(const char *label, const char *const *labels, size_t *ret_index)
{
	for (size_t i = 0; labels[i]; i++) {
		if (strcmp(label, labels[i]) == 0) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

/* Reads one block. Returns whether there was one; then *ret_der may still be NULL, where it is not
 * for us. */
static bool block_read(
	BIO *bio, const char *const *labels, uint8_t **ret_der, size_t *ret_size, size_t *ret_label)
{
	char *label = NULL, *header = NULL;
	unsigned char *content = NULL;
	long size = 0;

	if (PEM_read_bio(bio, &label, &header, &content, &size) != 1)
		return false;

	if (label_known(label, labels, ret_label)) {
		*ret_der = content;
		*ret_size = (size_t)size;
		content = NULL;
	}
	OPENSSL_free(label);
	OPENSSL_free(header);
	OPENSSL_free(content);
	return true;
}

int pem_find(struct bytes text, const char *const *labels, uint8_t **ret_der, size_t *ret_size,
	size_t *ret_label)
{
	uint8_t *der = NULL;
	BIO *bio;

	if (!text.size || text.size > PEM_BYTES_MAX)
		return -EBADMSG;

	bio = BIO_new_mem_buf(text.data, (int)text.size);
	if (!bio)
		return drained(-ENOMEM);

	while (!der && block_read(bio, labels, &der, ret_size, ret_label))
		;
	BIO_free(bio);
	if (!der)
		return drained(-EBADMSG);

	*ret_der = der;
	return drained(0);
}
