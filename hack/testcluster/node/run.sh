#!/usr/bin/env bash
# Starts a cluster with one node and runs a command in it. It is the first process of its own process, mount, network
# and cgroup namespaces: when it ends, the kernel ends all other processes and removes mounts and interfaces.
#
#   node/run.sh WORK IMAGES COMMAND...
#
# WORK is an empty directory for data and logs, IMAGES a tar file of images, BIN_K8S the directory of the Kubernetes
# binaries.
set -euo pipefail

work=$1 images=$2
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly work images here
readonly address=172.30.0.2 dns=10.96.0.10
readonly services=10.96.0.0/16 pods=10.244.0.0/24
export PATH=$BIN_K8S:/usr/sbin:/sbin:$PATH

log() { printf 'test-cluster: %s\n' "$*" >&2; }

# daemon NAME COMMAND... starts a process whose output goes to a file.
daemon() {
	local name=$1
	shift
	"$@" >"$work/log/$name.log" 2>&1 </dev/null &
}

# wait_for SECONDS DESCRIPTION COMMAND... repeats a command until it succeeds.
wait_for() {
	local seconds=$1 description=$2
	shift 2
	local end=$((SECONDS + seconds))
	until "$@" >"$work/log/last" 2>&1; do
		if ((SECONDS >= end)); then
			log "gave up waiting for $description: $(tail -n 3 "$work/log/last")"
			tail -n 20 "$work"/log/*.log >&2
			exit 1
		fi
		sleep 0.2
	done
	log "$description after ${SECONDS} s"
}

mount_directories() {
	mkdir -p "$work"/{log,lib,varlog,pki,kubeconfig}
	mount -t tmpfs tmpfs /run
	mount --bind "$work/lib" /var/lib
	mount --bind "$work/varlog" /var/log
	mkdir -p /run/netns /run/cni /run/containerd
	sed "s|PODS|$pods|" "$here/cni.json" >/run/cni/10-pods.conflist
	echo "nameserver $dns" >"$work/resolv.conf"
	mount --bind "$work/resolv.conf" /etc/resolv.conf
}

# mount_cgroups mounts the hierarchies anew, so that their root is the cgroup of this namespace.
mount_cgroups() {
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		umount /sys/fs/cgroup
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		# A cgroup with controllers for its children must not contain processes.
		mkdir /sys/fs/cgroup/init
		local process
		while read -r process; do
			echo "$process" >/sys/fs/cgroup/init/cgroup.procs
		done < <(cat /sys/fs/cgroup/cgroup.procs)
		sed 's/\(^\| \)/ +/g' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
		return
	fi
	local controllers=() controller
	mapfile -t controllers < <(awk -F: '$2 != "" {print $2}' /proc/self/cgroup)
	umount --recursive /sys/fs/cgroup
	mount -t tmpfs tmpfs /sys/fs/cgroup
	for controller in "${controllers[@]}"; do
		mkdir "/sys/fs/cgroup/${controller#name=}"
		mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/${controller#name=}"
	done
}

set_up_network() {
	ip link set lo up
	ip link add eth0 type veth peer name eth0peer
	ip link set eth0peer up
	ip address add "$address/24" dev eth0
	ip link set eth0 up
	ip route add default via "${address%.*}.1" # nothing answers there: the cluster has no way out
	echo 1 >/proc/sys/net/ipv4/ip_forward
}

# kubeconfig USER writes the kubeconfig of a user of the token file.
kubeconfig() {
	local file=$work/kubeconfig/$1
	kubectl config --kubeconfig="$file" set-cluster test --server="https://$address:6443" \
		--certificate-authority="$work/pki/apiserver.crt" --embed-certs
	kubectl config --kubeconfig="$file" set-credentials user --token="token-$1"
	kubectl config --kubeconfig="$file" set-context test --cluster=test --user=user
	kubectl config --kubeconfig="$file" use-context test
}

start_control_plane() {
	cat >"$work/tokens.csv" <<-EOF
		token-admin,admin,admin,"system:masters"
		token-kubelet,system:node:node,kubelet,"system:nodes"
		token-scheduler,system:kube-scheduler,scheduler
		token-controllers,system:kube-controller-manager,controllers
		token-proxy,system:kube-proxy,proxy
	EOF
	openssl genrsa -out "$work/pki/tokens.key" 2048 2>/dev/null
	openssl rsa -in "$work/pki/tokens.key" -pubout -out "$work/pki/tokens.pub" 2>/dev/null
	daemon etcd etcd --data-dir="$work/etcd" --unsafe-no-fsync --log-level=warn
	daemon kube-apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --cert-dir="$work/pki" \
		--advertise-address="$address" --service-cluster-ip-range="$services" --allow-privileged \
		--kubelet-preferred-address-types=InternalIP --token-auth-file="$work/tokens.csv" \
		--authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
		--service-account-issuer=https://kubernetes.default.svc.cluster.local \
		--service-account-key-file="$work/pki/tokens.pub" --service-account-signing-key-file="$work/pki/tokens.key"
	wait_for 60 'the certificate of the API server exists' test -s "$work/pki/apiserver.crt"
	local user
	for user in admin kubelet scheduler controllers proxy; do
		kubeconfig "$user" >/dev/null
	done
	export KUBECONFIG=$work/kubeconfig/admin
	wait_for 120 'the API server is ready' kubectl get --raw=/readyz
	daemon kube-scheduler kube-scheduler --kubeconfig="$work/kubeconfig/scheduler" --leader-elect=false
	daemon kube-controller-manager kube-controller-manager --kubeconfig="$work/kubeconfig/controllers" \
		--leader-elect=false --use-service-account-credentials \
		--service-account-private-key-file="$work/pki/tokens.key" --root-ca-file="$work/pki/apiserver.crt"
}

start_node() {
	daemon containerd containerd --config="$here/containerd.toml"
	wait_for 30 'containerd is ready' ctr version
	ctr --namespace=k8s.io images import "$images" >"$work/log/import.log"
	daemon kubelet kubelet --config="$here/kubelet.yaml" --kubeconfig="$work/kubeconfig/kubelet" --hostname-override=node \
		--node-ip="$address"
	daemon kube-proxy kube-proxy --kubeconfig="$work/kubeconfig/proxy" --hostname-override=node --proxy-mode=nftables \
		--cluster-cidr="$pods" --conntrack-max-per-core=0 --conntrack-min=0 # the limits belong to the machine
	wait_for 60 'the node is ready' kubectl wait --for=condition=Ready node/node --timeout=1s
}

start_dns() {
	kubectl apply --filename="$here/coredns.yaml" >/dev/null
	wait_for 60 'CoreDNS is ready' kubectl --namespace=kube-system rollout status deployment/coredns --timeout=1s
}

mount_directories
mount_cgroups
set_up_network
start_control_plane
start_node
start_dns
"$@"
