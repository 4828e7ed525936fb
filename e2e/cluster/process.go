package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tenantguard/tenantguard/e2e/internal/poll"
	"github.com/tenantguard/tenantguard/e2e/internal/ports"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// process is a program of the cluster. It can be started again once it was stopped.
type process struct {
	binary  string
	args    []string
	logFile string

	running *os.Process
	exited  chan struct{}
}

func newProcess(t lab.T, dir, binary string, args ...string) *process {
	t.Helper()
	p := &process{
		binary: binary, args: args, logFile: filepath.Join(dir, filepath.Base(binary)+".log"),
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", filepath.Base(binary), p.log(30))
		}
	})

	return p
}

// start runs the program. A second start appends to the log.
func (p *process) start() error {
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()

	cmd := exec.Command(p.binary, p.args...)
	cmd.Dir = filepath.Dir(p.logFile)
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd)

	started, exited := make(chan error), make(chan struct{})
	go func() {
		// Linux takes the starting thread for the parent of a process, so it must outlive the
		// process.
		runtime.LockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	p.running, p.exited = cmd.Process, exited

	return nil
}

// kill kills the program and waits for its end.
func (p *process) kill() {
	if p.running == nil {
		return
	}
	p.running.Kill()
	<-p.exited
	p.running = nil
}

// alive returns an error if the program has ended by itself.
func (p *process) alive() error {
	select {
	case <-p.exited:
		return poll.Stop(ports.Exited(filepath.Base(p.binary), p.log(5)))
	default:
		return nil
	}
}

// log returns the last lines of the log.
func (p *process) log(count int) string {
	content, err := os.ReadFile(p.logFile)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")

	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
