import { PlatformError, type Identity } from "@hanzo-fn/contract";
import {
  admitLater,
  admitNow,
  chooseRevision,
  limit,
  preflightRoute,
  routablePath,
  takeFunction,
} from "./admit.ts";
import { platformLines } from "./answer-lines.ts";
import type { IdentityMemo } from "./authenticate.ts";
import { CallExchange } from "./call-exchange.ts";
import { preflightHeaders } from "./cors.ts";
import { PushedBody, taskCall } from "./later.ts";
import { invokedFunction, isAsyncPath } from "./path.ts";
import type { FunctionEntry } from "./route-table.ts";

/**
 * One invocation, from the head of its request to the end of its answer: the phases below the wire. `begin` or
 * `beginAs` starts it; the origin then pushes the body while `accepting`, and hears the answer.
 */
export class Call extends CallExchange {
  /** A call from the wire: everything is checked. */
  begin(memo: IdentityMemo | undefined): void {
    try {
      const query = this.target.indexOf("?");
      this.path = routablePath(query === -1 ? this.target : this.target.slice(0, query));
      if (this.method === "OPTIONS" && this.preflight()) return;
      this.isLater = isAsyncPath(this.path) && invokedFunction(this.path) !== undefined;
      this.checkLength(this.bodyLength);
      if (admitNow(this.context, this, this, memo, this.nowMs)) this.admitted();
      else void this.beginLater();
    } catch (error) {
      this.fail(error);
    }
  }

  /** A call in process, by an identity that the caller vouches for. */
  beginAs(org: string, functionName: string, identity: Identity): void {
    try {
      if (org !== identity.org) {
        throw new PlatformError("forbidden", "the identity belongs to another organisation", {
          component: "invoke-proxy",
        });
      }
      const query = this.target.indexOf("?");
      this.path = routablePath(query === -1 ? this.target : this.target.slice(0, query));
      takeFunction(this.context, this, functionName, "POST", identity);
      this.admitted();
    } catch (error) {
      this.fail(error);
    }
  }

  private async beginLater(): Promise<void> {
    try {
      await admitLater(this.context, this, this);
      if (!this.isEnded) this.admitted();
    } catch (error) {
      this.fail(error);
    }
  }

  private preflight(): boolean {
    const entry = this.context.routes.find(this.path);
    const route = entry && preflightRoute(entry, this.fields);
    if (route?.route.cors === undefined || this.fields.origin === undefined) return false;
    const headers = preflightHeaders(route.route.cors, this.fields.origin);
    let lines = "X-Function-Not-Delivered: preflight\r\n";
    for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`;
    this.fn = route.fn;
    this.answerStatus = 204;
    this.origin.onAnswer(204, lines + platformLines(this), "");
    this.end(undefined);
    return true;
  }

  private checkLength(length: number): void {
    const { maxBodyBytes } = this.context;
    if (length <= maxBodyBytes) return;
    throw new PlatformError("payload_too_large", `the body is larger than ${maxBodyBytes} bytes`, {
      component: "invoke-proxy",
    });
  }

  private admitted(): void {
    if (this.isLater) return void this.keep();
    limit(this.context, this, this.client.address, this.nowMs);
    chooseRevision(this, this.fields.revision, this.context.ids.random());
    this.acquire();
  }

  /** The body goes to whoever keeps calls for later, and the answer is that this one is kept. */
  private async keep(): Promise<void> {
    const { acceptLater, dateLine } = this.context;
    const name = (this.fn as FunctionEntry).function;
    try {
      if (acceptLater === undefined) {
        throw new PlatformError("not_found", "calls for later are not kept here", {
          component: "invoke-proxy",
          function: name,
        });
      }
      const body = new PushedBody(() => this.origin.onRequestDrain());
      const waiting = new AbortController();
      this.kept = body;
      this.waiting = waiting;
      if (this.requestEnded) body.end();
      const accepted = acceptLater(taskCall(this, name, this.identity as Identity, body), waiting.signal);
      this.accepting = true;
      this.origin.onAccepting();
      const { id } = await accepted;
      if (this.isEnded) return;
      this.answerStatus = 202;
      const lines = `Content-Type: application/json\r\nLocation: /v1/functions/${name}/tasks/${id}\r\n`;
      const answer = `${JSON.stringify({ task_id: id, status: "queued" })}\n`;
      this.accepting = false;
      this.origin.onAnswer(202, dateLine(this.nowMs) + lines + platformLines(this), answer);
      this.end(undefined);
    } catch (error) {
      this.fail(error);
    }
  }
}
