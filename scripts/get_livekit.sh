#!/usr/bin/env bash
# A local LiveKit server in .tools/bin/livekit-server, built with Go 1.26 or newer. Start it with: .tools/bin/livekit-server --dev
set -euo pipefail
VERSION=v1.13.5
cd "$(dirname "$0")/.."
command -v go > /dev/null || { echo "Go is needed: https://go.dev/dl (or use LiveKit's container, or LiveKit Cloud)"; exit 1; }
mkdir -p .tools/bin
GOBIN="$PWD/.tools/bin" CGO_ENABLED=0 go install -p 2 "github.com/livekit/livekit-server/cmd/server@$VERSION"
mv .tools/bin/server .tools/bin/livekit-server
echo "Ready: .tools/bin/livekit-server --dev"
