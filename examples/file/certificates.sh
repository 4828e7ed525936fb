#!/bin/sh
# Makes an authority and a certificate of it for each of two tenants, in the folder certificates.
set -eu
mkdir -p certificates && cd certificates

openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=Example authority" \
	-keyout ca.key -out ca.crt
for tenant in acme globex; do
	openssl req -new -newkey rsa:2048 -nodes -subj "/CN=$tenant" -keyout $tenant.key -out $tenant.csr
	echo "subjectAltName=DNS:$tenant.example.com" > $tenant.ext
	openssl x509 -req -in $tenant.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 90 \
		-extfile $tenant.ext -out $tenant.crt
done
