package cluster

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends the program with the test process, even if that panics or is killed.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
