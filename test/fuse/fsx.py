"""Random reads, writes, truncations and mappings of one file, against what it must hold: PATH COUNT SEED."""
import os, random, mmap, sys
path, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random.seed(seed); MAX=256*1024
model=bytearray(); fd=os.open(path, os.O_RDWR|os.O_CREAT|os.O_TRUNC)
for k in range(count):
    op=random.choice(['read','write','write','trunc','mread','mwrite','reopen','append'])
    at=random.randrange(MAX); n=random.randrange(1,16384)
    if op=='read':
        assert os.pread(fd,n,at)==bytes(model[at:at+n]),(k,op,at,n)
    elif op in('write','append'):
        if op=='append': at=len(model)
        n=min(n,MAX-at)
        if n<=0: continue
        data=random.randbytes(n); assert os.pwrite(fd,data,at)==n
        if len(model)<at: model.extend(bytes(at-len(model)))
        model[at:at+n]=data
    elif op=='trunc':
        os.ftruncate(fd,at)
        if at<len(model): del model[at:]
        else: model.extend(bytes(at-len(model)))
    elif op in('mread','mwrite') and len(model):
        at%=len(model); n=min(n,len(model)-at)
        with mmap.mmap(fd,len(model)) as m:
            if op=='mread': assert m[at:at+n]==bytes(model[at:at+n]),(k,op,at,n)
            else:
                data=random.randbytes(n); m[at:at+n]=data; model[at:at+n]=data
    elif op=='reopen':
        os.close(fd); fd=os.open(path,os.O_RDWR)
    assert os.fstat(fd).st_size==len(model),(k,op,os.fstat(fd).st_size,len(model))
assert os.pread(fd,MAX,0)==bytes(model)
print('ok',count)
