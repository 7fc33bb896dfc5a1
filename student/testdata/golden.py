#!/usr/bin/env python3
"""Writes golden.json: what PyTorch makes of ten training steps of small Llama-family models.

    OMP_NUM_THREADS=1 python3 golden.py > golden.json      (PyTorch 1.13 or later)

Weights, tokens and teacher are integers hashed from their index, so that any language makes the same ones: see
`uniform`. Each case records the norm of every gradient at the first step, and ten losses
under AdamW (0.9, 0.95, 1e-8, decay 0.1 on matrices) with clipping at 1.
"""
import json, math, sys
import torch, torch.nn.functional as F

B, T, V, C, FFN, L, H, K, D = 3, 14, 61, 32, 64, 2, 4, 2, 8
RATE, THETA, EPS = 5e-3, 10000.0, 1e-5

def uniform(seed, n):
    """n numbers in [-0.5, 0.5): (i·2654435761 + seed·40503 + 12345) mod 2^32, mixed once, over 2^32."""
    out = []
    for i in range(n):
        x = (i * 2654435761 + seed * 40503 + 12345) % 2**32
        x ^= x >> 15
        x = x * 2246822519 % 2**32
        x ^= x >> 13
        out.append(x / 2**32 - 0.5)
    return out

def tensor(seed, scale, mean, *shape):
    return (torch.tensor(uniform(seed, math.prod(shape)), dtype=torch.float64) * scale + mean).float().reshape(shape)

def weights(bias, norms, tied):
    names = [("token_embd.weight", (V, C)), ("output_norm.weight", (C,))]
    if not tied: names.append(("output.weight", (V, C)))
    for l in range(L):
        for name, shape in [("attn_norm", (C,)), ("attn_q", (H * D, C)), ("attn_k", (K * D, C)), ("attn_v", (K * D, C)),
                            ("attn_output", (C, H * D)), ("ffn_norm", (C,)), ("ffn_gate", (FFN, C)), ("ffn_up", (FFN, C)), ("ffn_down", (C, FFN))]:
            names.append((f"blk.{l}.{name}.weight", shape))
        if bias: names += [(f"blk.{l}.attn_{x}.bias", (n * D,)) for x, n in (("q", H), ("k", K), ("v", K))]
        if norms: names += [(f"blk.{l}.attn_{x}_norm.weight", (D,)) for x in "qk"]
    out = {}
    for i, (name, shape) in enumerate(sorted(names)):
        norm = name.endswith("norm.weight")
        out[name] = tensor(100 + i, 0.4, 1.0 if norm else 0.0, *shape).requires_grad_()
    return out

ang = torch.outer(torch.arange(T).double(), THETA ** (-2 * torch.arange(D // 2).double() / D)).float()
COS, SIN = torch.cat([ang.cos()] * 2, -1), torch.cat([ang.sin()] * 2, -1)

def rms(x, w): return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * w
def rope(x):
    lo, hi = x.chunk(2, -1)
    return x * COS + torch.cat([-hi, lo], -1) * SIN

def forward(w, ids):
    x = w["token_embd.weight"][ids]
    mask = torch.full((T, T), float("-inf")).triu(1)
    for l in range(L):
        p = lambda n: w.get(f"blk.{l}.{n}")
        h = rms(x, p("attn_norm.weight"))
        heads = lambda n, c: F.linear(h, p(f"attn_{n}.weight"), p(f"attn_{n}.bias")).view(B, T, c, D)
        q, k, v = heads("q", H), heads("k", K), heads("v", K)
        if p("attn_q_norm.weight") is not None: q, k = rms(q, p("attn_q_norm.weight")), rms(k, p("attn_k_norm.weight"))
        q, k, v = rope(q.transpose(1, 2)), rope(k.transpose(1, 2)), v.transpose(1, 2)
        k, v = k.repeat_interleave(H // K, 1), v.repeat_interleave(H // K, 1)
        a = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(D) + mask, -1) @ v
        x = x + F.linear(a.transpose(1, 2).reshape(B, T, H * D), p("attn_output.weight"))
        h = rms(x, p("ffn_norm.weight"))
        x = x + F.linear(F.silu(F.linear(h, p("ffn_gate.weight"))) * F.linear(h, p("ffn_up.weight")), p("ffn_down.weight"))
    return F.linear(rms(x, w["output_norm.weight"]), w.get("output.weight", w["token_embd.weight"])).view(-1, V)

def ids(seed): return torch.tensor([int((u + 0.5) * V) for u in uniform(seed, B * T)])

def divergence(kind, z, teacher, tau):
    logp, logq = torch.log_softmax(teacher / tau, -1), torch.log_softmax(z / tau, -1)
    p, q = logp.exp(), logq.exp()
    if kind == "forward-kl": d = (p * (logp - logq)).sum(-1)
    elif kind == "reverse-kl": d = (q * (logq - logp)).sum(-1)
    elif kind == "jsd":
        m = (0.3 * p + 0.7 * q).log()
        d = (0.3 * p * (logp - m) + 0.7 * q * (logq - m)).sum(-1)
    return tau * tau * d.mean()

def case(name, bias=False, norms=False, tied=True, kind=None, tau=1.0, smoothing=0.0):
    w = weights(bias, norms, tied)
    groups = [{"params": [p for p in w.values() if p.dim() > 1], "weight_decay": 0.1}, {"params": [p for p in w.values() if p.dim() == 1], "weight_decay": 0.0}]
    opt = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95), eps=1e-8)
    losses, first = [], None
    teacher = tensor(7, 8.0, 0.0, B * T, V)
    for step in range(10):
        x, y = ids(1000 + step), ids(2000 + step)
        z = forward(w, x.view(B, T))
        loss = F.cross_entropy(z, y, label_smoothing=smoothing)
        if kind: loss = 0.5 * loss + 0.5 * divergence(kind, z, teacher, tau)
        opt.zero_grad(); loss.backward()
        if first is None:
            first = {n: p.grad.double().norm().item() for n, p in w.items()}
        torch.nn.utils.clip_grad_norm_(w.values(), 1.0)
        opt.step(); losses.append(loss.item())
    return dict(name=name, bias=bias, qk_norm=norms, tied=tied, divergence=kind or "", temperature=tau, smoothing=smoothing,
                gradient_norms=first, losses=losses)

torch.set_num_threads(1)
cases = [case("llama"), case("llama, untied, smoothed", tied=False, smoothing=0.1), case("qwen2, forward KL at 2", bias=True, kind="forward-kl", tau=2.0),
         case("qwen3, reverse KL", norms=True, kind="reverse-kl"), case("llama, JSD 0.3", kind="jsd")]
json.dump(dict(torch=torch.__version__, cases=cases), sys.stdout, indent=1)
